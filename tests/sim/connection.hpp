// One connection of the simulated network: two ends and a pipe each way. Each end lives on its shard; what goes from one to the
// other is an event. It exists until both ends have let go and nothing is under way. One thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/sim/network.hpp"

namespace angarium::sim {

class SimStream;

class SimConnection : public std::enable_shared_from_this<SimConnection> {
  public:
    // End 0 connects, end 1 accepts.
    SimConnection(Internet& internet, SimShard* shards[2], const Endpoint endpoints[2]);
    ~SimConnection();
    std::unique_ptr<SimStream> stream(unsigned end);

    // The process at that end is gone.
    void lose_end(unsigned end, bool silently);
    bool has_end_on(const SimShard* shard) const {
        return ends_[0].shard == shard || ends_[1].shard == shard;
    }
    unsigned end_on(const SimShard* shard) const { return ends_[0].shard == shard ? 0 : 1; }

  private:
    friend class SimStream;
    struct End {
        SimShard* shard = nullptr;
        Endpoint endpoint;
        SimStream* stream = nullptr;  // null: let go, or never taken
        // What comes in.
        std::deque<std::string> arrived;
        std::string handed_out;
        std::optional<IoError> input_end;
        // What goes out.
        std::string to_send;        // of the write under way; empty when all is sent
        std::size_t sent = 0;       // of to_send
        std::size_t in_flight = 0;  // sent and not yet read by the other end
        std::size_t window = 0;
        MonoTime last_arrival{};
        std::uint64_t sent_bytes = 0, arrived_bytes = 0;
        // Run when so many bytes have arrived here and somebody reads them.
        std::deque<std::pair<std::uint64_t, std::function<void()>>> marks;
        bool finished = false;  // no more will be written
        bool told_end = false;  // and the other end has been, or is being, told
        bool gone = false;      // the process has died

        void drop_output() {
            to_send.clear();
            sent = 0;
        }
    };
    void pump(unsigned end);
    void send_end(unsigned end);
    void reset(unsigned from);
    void arrive(unsigned end, std::string bytes);
    void consumed(unsigned end, std::size_t bytes);
    void end_input(unsigned end, IoError how);
    MonoTime arrival(unsigned end, bool may_stall);
    void doom();

    Internet& internet_;
    World& world_;
    const std::uint64_t number_;
    End ends_[2];
    bool broken_ = false;  // no byte passes any more
};

class SimStream final : public runtime::Stream {
  public:
    SimStream(std::shared_ptr<SimConnection> connection, unsigned end);
    ~SimStream() override;

    void half_close() override;
    void abort(IoError why) override;
    const Endpoint& peer() const override;
    const Endpoint& local() const override;
    bool has_input() const override;
    // Runs `heard` when all that was written so far has arrived at a peer that still listens; never, if it does not.
    bool peer_listens() const;
    void when_heard(std::function<void()> heard);
    bool begin_read(runtime::Operation<std::string_view>& operation, MonoTime deadline) override;
    bool begin_write(runtime::Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                     MonoTime deadline) override;

  private:
    friend class SimConnection;
    SimConnection::End& mine() const { return connection_->ends_[end_]; }
    bool take(runtime::Operation<std::string_view>& operation);
    void input_changed();
    void written(IoResult<std::size_t> result);

    const std::shared_ptr<SimConnection> connection_;
    const unsigned end_;
    std::optional<IoError> aborted_;
    runtime::Operation<std::string_view>* reader_ = nullptr;
    runtime::Operation<std::size_t>* writer_ = nullptr;
    std::size_t write_size_ = 0;
    std::uint64_t writes_ = 0;
    runtime::Timer read_timer_, write_timer_;
    std::optional<IoError> output_end_;
};

}  // namespace angarium::sim
