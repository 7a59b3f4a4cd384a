#include "dns/cares_lookup.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "dns/message.hpp"

namespace angarium::dns {
namespace {

constexpr int class_internet = 1;
// Larger datagrams get fragmented on the way (the DNS flag day of 2020 settled on this).
constexpr int edns_octets = 1232;
// A burst of `open` questions and their replies must fit, or datagrams are lost and cost a timeout each.
constexpr int socket_buffer = 1 << 20;
// How late a timeout may be noticed. Looking costs microseconds, and happens only while questions are open.
constexpr Duration tick = 250ms;

Failure failure_of(int status) {
    switch (status) {
        case ARES_ENODATA:
            return Failure::no_data;
        case ARES_ENOTFOUND:
            return Failure::no_such_domain;
        case ARES_ESERVFAIL:
        case ARES_ENOTIMP:
            return Failure::server_failed;
        case ARES_EREFUSED:
            return Failure::refused;
        case ARES_ETIMEOUT:
            return Failure::timed_out;
        case ARES_EFORMERR:
        case ARES_EBADNAME:
        case ARES_EBADQUERY:
        case ARES_EBADRESP:
            return Failure::malformed;
        case ARES_ECANCELLED:
        case ARES_EDESTRUCTION:
            return Failure::canceled;
        default:
            return Failure::unreachable;  // connection refused, no sockets, no memory
    }
}

enum class Errors : std::uint8_t {
    pass,        // an error reply is the answer
    try_others,  // an error reply makes c-ares ask the next server; what it said is lost
};

class Channel;

// One question while c-ares has it; lives in the frame of ask() and is awaited there.
class Pending {
  public:
    Pending(Channel& channel, const Question& question) : channel_(channel), question_(question) {}
    bool await_ready() const { return done_; }
    void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
    Answer await_resume() { return std::move(answer_); }

    const Question& question() const { return question_; }
    static void completed(void* self, int status, int timeouts, unsigned char* reply, int length);

  private:
    Channel& channel_;
    const Question& question_;
    Answer answer_;
    bool done_ = false;
    std::coroutine_handle<> waiter_;
};

// A c-ares channel with its polls.
class Channel {
  public:
    Channel(runtime::Shard& shard, runtime::Poller& poller) : shard_(shard), poller_(poller) {}
    ~Channel() {
        ANGARIUM_ASSERT(open_ == 0);
        if (channel_ != nullptr) ares_destroy(channel_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    Result<void> open(const LookupOptions& options, Errors errors);
    void ask(Pending& pending) {
        ++open_;
        const auto& [name, type] = pending.question();
        ares_query(channel_, name.empty() ? "." : name.c_str(), class_internet, static_cast<int>(type),
                   &Pending::completed, &pending);
    }
    void look_for_timeouts() { ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
    void cancel() { ares_cancel(channel_); }

    std::size_t open() const { return open_; }
    std::size_t servers() const { return servers_; }
    void closed_one() { --open_; }
    runtime::Shard& shard() { return shard_; }

  private:
    struct Watched {
        ares_socket_t descriptor;
        bool read, write;
        std::unique_ptr<runtime::Poll> poll;
    };

    static void socket_changed(void* self, ares_socket_t descriptor, int read, int write) {
        static_cast<Channel*>(self)->watch(descriptor, read != 0, write != 0);
    }
    void watch(ares_socket_t descriptor, bool read, bool write);
    void ready(ares_socket_t descriptor, runtime::Poller::Ready ready);
    Result<void> set_servers(const std::vector<Endpoint>& servers);

    runtime::Shard& shard_;
    runtime::Poller& poller_;
    ares_channel channel_ = nullptr;
    std::size_t open_ = 0;
    std::size_t servers_ = 0;
    std::vector<Watched> watched_;
};

// c-ares calls this once for each question, maybe from inside ares_query(): record, and let the loop resume.
void Pending::completed(void* self, int status, int, unsigned char* reply, int length) {
    auto& pending = *static_cast<Pending*>(self);
    const bool has_reply = reply != nullptr && length > 0 && failure_of(status) != Failure::canceled;
    pending.answer_ = has_reply ? parse_reply({reply, static_cast<std::size_t>(length)}, pending.question_)
                                : Answer::failed(failure_of(status));
    pending.done_ = true;
    pending.channel_.closed_one();
    if (pending.waiter_) pending.channel_.shard().ready().push(runtime::resume_of(pending.waiter_));
}

Result<void> Channel::open(const LookupOptions& options, Errors errors) {
    ares_options wanted{};
    wanted.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    if (errors == Errors::pass) wanted.flags |= ARES_FLAG_NOCHECKRESP;
    wanted.timeout = static_cast<int>(std::max<std::int64_t>(1, options.timeout / 1ms));
    wanted.tries = static_cast<int>(std::max(1u, options.tries));
    wanted.ednspsz = edns_octets;
    wanted.socket_send_buffer_size = socket_buffer;
    wanted.socket_receive_buffer_size = socket_buffer;
    wanted.sock_state_cb = &Channel::socket_changed;
    wanted.sock_state_cb_data = this;
    const int status =
        ares_init_options(&channel_, &wanted,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                              ARES_OPT_SOCK_SNDBUF | ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        channel_ = nullptr;
        return failure(fmt::format("the name resolver cannot start: {}", ares_strerror(status)));
    }
    if (!options.servers.empty())
        if (auto set = set_servers(options.servers); !set) return set;
    ares_addr_port_node* list = nullptr;
    if (ares_get_servers_ports(channel_, &list) == ARES_SUCCESS)
        for (const auto* at = list; at != nullptr; at = at->next) ++servers_;
    ares_free_data(list);
    if (servers_ == 0) return failure("there is no name server: set [dns] servers, or fill /etc/resolv.conf");
    return {};
}

Result<void> Channel::set_servers(const std::vector<Endpoint>& servers) {
    std::vector<ares_addr_port_node> nodes(servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        auto& node = nodes[i];
        const auto& address = servers[i].address;
        node.next = i + 1 < servers.size() ? &nodes[i + 1] : nullptr;
        node.family = address.is_v4() ? AF_INET : AF_INET6;
        if (address.is_v4())
            std::memcpy(&node.addr.addr4, address.bytes().data(), sizeof node.addr.addr4);
        else
            std::memcpy(&node.addr.addr6, address.bytes().data(), sizeof node.addr.addr6);
        node.udp_port = node.tcp_port = servers[i].port;
    }
    const int status = ares_set_servers_ports(channel_, nodes.data());
    if (status != ARES_SUCCESS)
        return failure(fmt::format("the name servers cannot be set: {}", ares_strerror(status)));
    return {};
}

void Channel::watch(ares_socket_t descriptor, bool read, bool write) {
    const auto known = std::find_if(watched_.begin(), watched_.end(),
                                    [descriptor](const Watched& w) { return w.descriptor == descriptor; });
    if (known != watched_.end()) {
        if (known->read == read && known->write == write) return;
        watched_.erase(known);
    }
    if (!read && !write) return;  // c-ares closes the descriptor next
    auto poll = poller_.watch(descriptor, read, write, [this, descriptor](runtime::Poller::Ready events) {
        ready(descriptor, events);
    });
    watched_.push_back({descriptor, read, write, std::move(poll)});
}

void Channel::ready(ares_socket_t descriptor, runtime::Poller::Ready events) {
    const bool read = events.readable || !events.writable;  // an error is found by reading
    ares_process_fd(channel_, read ? descriptor : ARES_SOCKET_BAD,
                    events.writable ? descriptor : ARES_SOCKET_BAD);
}

class CaresLookup final : public Lookup {
  public:
    CaresLookup(runtime::Shard& shard, runtime::Poller& poller, LookupOptions options)
        : shard_(shard),
          poller_(poller),
          options_(std::move(options)),
          timer_([](void* self) { static_cast<CaresLookup*>(self)->look(); }, this) {}

    Result<void> renew();
    runtime::Task<Answer> ask(Question question) override;
    void cancel() override;

  private:
    static Answer canceled() { return Answer::failed(Failure::canceled); }
    void renew_when_due();
    void look();
    void keep_looking();
    std::size_t open() const;

    runtime::Shard& shard_;
    runtime::Poller& poller_;
    LookupOptions options_;
    std::unique_ptr<Channel> first_;   // whose replies are the answers
    std::unique_ptr<Channel> others_;  // with several servers: for what the first refuses
    std::vector<std::unique_ptr<Channel>> finishing_;
    MonoTime renew_at_{};
    bool canceled_ = false;
    runtime::Timer timer_;
};

Result<void> CaresLookup::renew() {
    renew_at_ = shard_.now() + options_.renew;
    auto first = std::make_unique<Channel>(shard_, poller_);
    if (auto opened = first->open(options_, Errors::pass); !opened) return opened;
    std::unique_ptr<Channel> others;
    if (first->servers() > 1) {
        others = std::make_unique<Channel>(shard_, poller_);
        if (auto opened = others->open(options_, Errors::try_others); !opened) return opened;
    }
    if (first_ != nullptr) finishing_.push_back(std::move(first_));
    if (others_ != nullptr) finishing_.push_back(std::move(others_));
    first_ = std::move(first);
    others_ = std::move(others);
    return {};
}

// A failure (no descriptors, an unreadable file) leaves the channels that work.
void CaresLookup::renew_when_due() {
    if (shard_.now() < renew_at_) return;
    (void)renew();
    std::erase_if(finishing_, [](const auto& channel) { return channel->open() == 0; });
}

runtime::Task<Answer> CaresLookup::ask(Question question) {
    if (canceled_) co_return canceled();
    renew_when_due();
    Pending pending(*first_, question);
    first_->ask(pending);
    keep_looking();
    Answer answer = co_await pending;
    const bool refused = answer.failure == Failure::server_failed || answer.failure == Failure::refused;
    if (!refused || others_ == nullptr || canceled_) co_return answer;
    Pending second(*others_, question);
    others_->ask(second);
    keep_looking();
    Answer better = co_await second;
    if (better.failure == Failure::none || is_negative(better.failure)) co_return better;
    co_return answer;
}

void CaresLookup::cancel() {
    canceled_ = true;
    timer_.disarm();
    first_->cancel();
    if (others_ != nullptr) others_->cancel();
    for (auto& channel : finishing_) channel->cancel();
}

void CaresLookup::look() {
    first_->look_for_timeouts();
    if (others_ != nullptr) others_->look_for_timeouts();
    for (auto& channel : finishing_) channel->look_for_timeouts();
    std::erase_if(finishing_, [](const auto& channel) { return channel->open() == 0; });
    keep_looking();
}

void CaresLookup::keep_looking() {
    if (timer_.armed() || open() == 0) return;
    timer_.arm(shard_.timers(), shard_.now() + tick);
}

std::size_t CaresLookup::open() const {
    std::size_t sum = first_->open() + (others_ == nullptr ? 0 : others_->open());
    for (const auto& channel : finishing_) sum += channel->open();
    return sum;
}

}  // namespace

Result<std::unique_ptr<Lookup>> make_cares_lookup(runtime::Shard& shard, runtime::Poller& poller,
                                                  LookupOptions options) {
    static const int started =
        ares_library_init(ARES_LIB_INIT_ALL);  // once a process, by whichever shard is first
    if (started != ARES_SUCCESS)
        return failure(fmt::format("c-ares cannot start: {}", ares_strerror(started)));
    auto lookup = std::make_unique<CaresLookup>(shard, poller, std::move(options));
    if (auto opened = lookup->renew(); !opened) return std::unexpected(opened.error());
    return lookup;
}

}  // namespace angarium::dns
