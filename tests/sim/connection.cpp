#include "tests/sim/connection.hpp"

#include <algorithm>
#include <utility>

namespace angarium::sim {

SimConnection::SimConnection(Internet& internet, SimShard* shards[2], const Endpoint endpoints[2])
    : internet_(internet), world_(internet.world_), number_(++internet.made_) {
    constexpr std::size_t windows[] = {700, 4096, 16'384, 65'536, 262'144};
    for (unsigned end = 0; end < 2; ++end) {
        ends_[end].shard = shards[end];
        ends_[end].endpoint = endpoints[end];
        ends_[end].window = windows[world_.below(5)];
    }
    internet_.connections_[number_] = this;
}

SimConnection::~SimConnection() { internet_.connections_.erase(number_); }

std::unique_ptr<SimStream> SimConnection::stream(unsigned end) {
    auto made = std::make_unique<SimStream>(shared_from_this(), end);
    if (end == 0) doom();
    return made;
}

// Some connections are going to break.
void SimConnection::doom() {
    if (!world_.chance(internet_.weather.breaks)) return;
    const auto when = world_.between(1ms, world_.chance(0.7) ? Duration(100ms) : Duration(60s));
    world_.after(when, [self = shared_from_this()] {
        if (self->broken_) return;
        self->broken_ = true;
        // Either end may hear of it at once, or only when it speaks.
        for (unsigned end = 0; end < 2; ++end)
            if (self->world_.chance(0.9)) self->end_input(end, IoError::reset);
    });
}

MonoTime SimConnection::arrival(unsigned end, bool may_stall) {
    auto delay = world_.latency(internet_.weather.latency);
    if (may_stall && world_.chance(internet_.weather.stalls)) delay += world_.between(1s, 100s);
    auto& last = ends_[end].last_arrival;
    return last = std::max(last + 1ns, world_.now() + delay);
}

// Sends as much of the write as the window takes, in pieces of odd sizes.
void SimConnection::pump(unsigned end) {
    auto& me = ends_[end];
    const unsigned other = 1 - end;
    while (!me.to_send.empty() && me.in_flight < me.window) {
        const auto left = me.to_send.size() - me.sent;
        auto count = std::min(left, me.window - me.in_flight);
        if (count < std::min(left, me.window / 4)) break;  // no crumbs
        if (count > 1 && world_.chance(count < 2000 ? 0.3 : 0.05)) count = 1 + world_.below(count);
        auto piece = me.to_send.substr(me.sent, count);
        me.sent += count;
        if (me.sent == me.to_send.size()) me.drop_output();
        me.in_flight += count;
        me.sent_bytes += count;
        if (broken_ || ends_[other].gone) continue;  // into the void
        world_.at(arrival(end, true), [self = shared_from_this(), other, piece = std::move(piece)]() mutable {
            self->arrive(other, std::move(piece));
        });
    }
    if (!me.to_send.empty()) return;
    if (me.stream != nullptr && me.stream->writer_ != nullptr) {
        const auto number = me.stream->writes_;
        me.shard->after(world_.latency(5us), [self = shared_from_this(), end, number] {
            auto* const stream = self->ends_[end].stream;
            if (stream != nullptr && stream->writer_ != nullptr && stream->writes_ == number)
                stream->written(stream->write_size_);
        });
    }
    if (me.finished) send_end(end);
}

void SimConnection::send_end(unsigned end) {
    if (std::exchange(ends_[end].told_end, true) || broken_) return;
    world_.at(arrival(end, false), [self = shared_from_this(), other = 1 - end] {
        self->end_input(other, IoError::end_of_stream);
    });
}

void SimConnection::reset(unsigned from) {
    if (std::exchange(broken_, true)) return;
    ends_[from].drop_output();
    world_.at(arrival(from, false),
              [self = shared_from_this(), other = 1 - from] { self->end_input(other, IoError::reset); });
}

void SimConnection::arrive(unsigned end, std::string bytes) {
    auto& me = ends_[end];
    if (broken_ || me.gone || me.input_end) return;
    if (me.stream == nullptr) {  // nobody reads any more: the sender hears of that
        if (me.finished) reset(end);
        return;
    }
    me.arrived_bytes += bytes.size();
    me.arrived.push_back(std::move(bytes));
    while (!me.stream->aborted_ && !me.marks.empty() && me.marks.front().first <= me.arrived_bytes) {
        const auto heard = std::move(me.marks.front().second);
        me.marks.pop_front();
        heard();
    }
    me.shard->run([self = shared_from_this(), end] {
        if (auto* const stream = self->ends_[end].stream) stream->input_changed();
    });
}

void SimConnection::consumed(unsigned end, std::size_t bytes) {
    world_.after(world_.latency(internet_.weather.latency),
                 [self = shared_from_this(), sender = 1 - end, bytes] {
                     self->ends_[sender].in_flight -= bytes;
                     if (!self->ends_[sender].gone && !self->ends_[sender].shard->dead()) self->pump(sender);
                 });
}

void SimConnection::end_input(unsigned end, IoError how) {
    auto& me = ends_[end];
    if (me.gone || me.shard->dead()) return;
    if (!me.input_end || how == IoError::reset) me.input_end = how;
    if (how == IoError::reset) me.arrived.clear();
    me.shard->run([self = shared_from_this(), end, how] {
        auto* const stream = self->ends_[end].stream;
        if (stream == nullptr) return;
        if (how == IoError::reset) {
            if (!stream->output_end_) stream->output_end_ = IoError::reset;
            if (stream->writer_ != nullptr) stream->written(std::unexpected(IoError::reset));
        }
        stream->input_changed();
    });
}

void SimConnection::lose_end(unsigned end, bool silently) {
    auto& me = ends_[end];
    me.gone = true;
    me.stream = nullptr;
    if (silently)
        broken_ = true;
    else
        reset(end);
}

// --- the stream ---

SimStream::SimStream(std::shared_ptr<SimConnection> connection, unsigned end)
    : connection_(std::move(connection)),
      end_(end),
      read_timer_(
          [](void* self_) {
              auto& self = *static_cast<SimStream*>(self_);
              if (self.reader_ != nullptr)
                  std::exchange(self.reader_, nullptr)->complete(std::unexpected(IoError::timed_out));
          },
          this),
      write_timer_(
          [](void* self_) {
              auto& self = *static_cast<SimStream*>(self_);
              self.output_end_ = IoError::timed_out;
              if (self.writer_ != nullptr) self.written(std::unexpected(IoError::timed_out));
          },
          this) {
    mine().stream = this;
    ++connection_->internet_.streams_;
}

SimStream::~SimStream() {
    ANGARIUM_ASSERT(reader_ == nullptr && writer_ == nullptr);
    --connection_->internet_.streams_;
    auto& me = mine();
    if (me.stream != this) return;  // the process was lost
    me.stream = nullptr;
    const bool unread = !me.arrived.empty();
    me.finished = true;
    if (unread)
        connection_->reset(end_);  // as a kernel does
    else if (me.to_send.empty())
        connection_->send_end(end_);
    me.arrived.clear();
}

const Endpoint& SimStream::peer() const { return connection_->ends_[1 - end_].endpoint; }
const Endpoint& SimStream::local() const { return mine().endpoint; }
bool SimStream::has_input() const { return !mine().arrived.empty(); }

void SimStream::half_close() {
    ANGARIUM_ASSERT(writer_ == nullptr);
    if (!output_end_) output_end_ = IoError::canceled;
    mine().finished = true;
    if (mine().to_send.empty()) connection_->send_end(end_);
}

void SimStream::abort(IoError why) {
    if (aborted_) return;
    aborted_ = why;
    read_timer_.disarm();
    write_timer_.disarm();
    auto& me = mine();
    if (writer_ != nullptr) me.drop_output();
    me.finished = true;
    if (why == IoError::reset)
        connection_->reset(end_);
    else
        connection_->send_end(end_);
    me.arrived.clear();
    if (!me.input_end) me.input_end = why;
    if (reader_ != nullptr) std::exchange(reader_, nullptr)->complete(std::unexpected(why));
    if (writer_ != nullptr) written(std::unexpected(why));
}

bool SimStream::take(runtime::Operation<std::string_view>& operation) {
    auto& me = mine();
    if (aborted_) {
        operation.result = std::unexpected(*aborted_);
        return true;
    }
    if (me.arrived.empty()) {
        if (me.input_end) operation.result = std::unexpected(*me.input_end);
        return me.input_end.has_value();
    }
    me.handed_out = std::move(me.arrived.front());
    me.arrived.pop_front();
    operation.result = std::string_view(me.handed_out);
    connection_->consumed(end_, me.handed_out.size());
    return true;
}

void SimStream::input_changed() {
    if (reader_ == nullptr) return;
    auto& reader = *reader_;
    if (!take(reader)) return;
    read_timer_.disarm();
    std::exchange(reader_, nullptr)->complete(reader.result);
}

bool SimStream::peer_listens() const {
    const auto& other = connection_->ends_[1 - end_];
    return !connection_->broken_ && !other.gone && other.stream != nullptr && !other.stream->aborted_;
}

void SimStream::when_heard(std::function<void()> heard) {
    auto& me = mine();
    auto& other = connection_->ends_[1 - end_];
    const auto total = me.sent_bytes + me.to_send.size() - me.sent;
    if (!peer_listens() || me.stream != this) return;
    if (other.arrived_bytes >= total) return heard();
    other.marks.emplace_back(total, std::move(heard));
}

bool SimStream::begin_read(runtime::Operation<std::string_view>& operation, MonoTime deadline) {
    ANGARIUM_ASSERT(reader_ == nullptr);
    if (take(operation)) return true;
    reader_ = &operation;
    read_timer_.arm(mine().shard->timers(), deadline);
    return false;
}

bool SimStream::begin_write(runtime::Operation<std::size_t>& operation,
                            std::span<const std::string_view> pieces, MonoTime deadline) {
    ANGARIUM_ASSERT(writer_ == nullptr);
    if (aborted_ || output_end_) {
        operation.result = std::unexpected(aborted_ ? *aborted_ : *output_end_);
        return true;
    }
    auto& me = mine();
    const auto before = me.to_send.size();
    for (const auto piece : pieces) me.to_send += piece;
    write_size_ = me.to_send.size() - before;
    if (write_size_ == 0) {
        operation.result = 0;
        return true;
    }
    writer_ = &operation;
    ++writes_;
    write_timer_.arm(me.shard->timers(), deadline);
    connection_->pump(end_);
    return false;
}

void SimStream::written(IoResult<std::size_t> result) {
    write_timer_.disarm();
    std::exchange(writer_, nullptr)->complete(std::move(result));
}

}  // namespace angarium::sim
