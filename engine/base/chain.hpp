// Chain: an intrusive list. A Link lives in its owner, is in at most one chain, and leaves it when it goes; nothing is
// allocated. Owning thread: the shard's.
#pragma once

#include "engine/base/assert.hpp"

namespace angarium {

namespace detail {
struct ChainNode {
    ChainNode* previous = this;
    ChainNode* next = this;

    ChainNode() = default;
    ChainNode(const ChainNode&) = delete;
    ChainNode& operator=(const ChainNode&) = delete;
    bool alone() const { return next == this; }
    void unlink() {
        previous->next = next;
        next->previous = previous;
        previous = next = this;
    }
};
}  // namespace detail

template <class T>
class Chain;

template <class T>
class Link : private detail::ChainNode {
  public:
    explicit Link(T& owner) : owner_(owner) {}
    ~Link() { unlink(); }
    bool linked() const { return !alone(); }
    void leave() { unlink(); }

  private:
    friend class Chain<T>;
    T& owner_;
};

template <class T>
class Chain {
  public:
    ~Chain() { ANGARIUM_ASSERT(empty()); }
    bool empty() const { return head_.alone(); }
    T& front() const { return owner(head_.next); }
    T& back() const { return owner(head_.previous); }
    void push_back(Link<T>& link) { insert(link, head_); }
    void push_front(Link<T>& link) { insert(link, *head_.next); }
    // Calls `visit(T&)` from front to back until it returns false. It must not change the chain.
    template <class Visit>
    void each(Visit visit) const {
        for (auto* node = head_.next; node != &head_; node = node->next)
            if (!visit(owner(node))) return;
    }

  private:
    static void insert(Link<T>& link, detail::ChainNode& before) {
        ANGARIUM_ASSERT(!link.linked());
        link.previous = before.previous;
        link.next = &before;
        before.previous->next = &link;
        before.previous = &link;
    }
    static T& owner(detail::ChainNode* node) { return static_cast<Link<T>*>(node)->owner_; }
    detail::ChainNode head_;
};

}  // namespace angarium
