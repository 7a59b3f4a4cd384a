#include "engine/runtime/mailbox.hpp"

#include <utility>

namespace angarium::runtime {
namespace {

// A list that many threads push to and one takes whole, oldest first.
template <class Node>
void push(std::atomic<Node*>& list, Node& node, Node* Node::* next) {
    Node* head = list.load(std::memory_order_relaxed);
    do {
        node.*next = head;
    } while (!list.compare_exchange_weak(head, &node, std::memory_order_release, std::memory_order_relaxed));
}

template <class Node>
Node* take_all(std::atomic<Node*>& list, Node* Node::* next) {
    if (list.load(std::memory_order_relaxed) == nullptr) return nullptr;
    Node* newest_first = list.exchange(nullptr, std::memory_order_acquire);
    Node* oldest_first = nullptr;
    while (newest_first != nullptr) {
        Node* const rest = newest_first->*next;
        newest_first->*next = oldest_first;
        oldest_first = newest_first;
        newest_first = rest;
    }
    return oldest_first;
}

}  // namespace

Mailbox::Mailbox(unsigned shards) : lanes_count_(shards), lanes_(std::make_unique<Lane[]>(shards)) {}

Mailbox::~Mailbox() {
    for (Letter* letter = take_all(posted_, &Letter::next_); letter != nullptr;)
        delete std::exchange(letter, letter->next_);
}

void Mailbox::post(std::unique_ptr<Letter> letter) { push(posted_, *letter.release(), &Letter::next_); }

void Mailbox::finished(Job& job) { push(finished_, job, &Job::next_); }

bool Mailbox::must_wake() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return may_sleep_.load(std::memory_order_relaxed) &&
           may_sleep_.exchange(false, std::memory_order_seq_cst);
}

bool Mailbox::has_mail() const {
    for (std::size_t sender = 0; sender < lanes_count_; ++sender)
        if (lanes_[sender].available() > 0) return true;
    return posted_.load(std::memory_order_acquire) != nullptr ||
           finished_.load(std::memory_order_acquire) != nullptr;
}

bool Mailbox::prepare_to_sleep() {
    may_sleep_.store(true, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!has_mail()) return true;
    woken();
    return false;
}

void Mailbox::receive_posted() {
    for (Letter* letter = take_all(posted_, &Letter::next_); letter != nullptr;)
        std::exchange(letter, letter->next_)->arrive();
}

std::size_t Mailbox::receive_jobs() {
    std::size_t count = 0;
    for (Job* job = take_all(finished_, &Job::next_); job != nullptr; ++count)
        std::exchange(job, job->next_)->done();
    return count;
}

}  // namespace angarium::runtime
