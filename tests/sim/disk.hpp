// The simulated disk: names and bytes as a process sees them, and what of them a power cut leaves. A write may reach the
// platter at any time, in any order of its pages, torn between sectors, until a sync has returned; a name until its directory
// has been synced. The journal's files (SimFiles) and RocksDB's (rocks_files.hpp) both lie here.
//
// At a power cut the disk decides what is left of everything unsynced and forgets the rest. The cut may be set to the n-th
// change from now on: then it falls in the middle of whatever RocksDB or the journal was doing, and what they do
// afterwards, not knowing yet, is gone. Any thread: RocksDB flushes with its own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.hpp"

namespace angarium::sim {

class SimDisk {
  public:
    static constexpr std::size_t page = 4096, sector = 512;

    // Never changed once somebody else holds it too; null: zeros.
    using Page = std::shared_ptr<std::array<char, page>>;
    struct Inode {
        std::uint64_t size = 0, synced_size = 0;
        std::vector<Page> pages;
        // Pages that differ, or may differ, from what is on the platter: what is there, then what each sync that has begun
        // since will have brought there; and when they were last written.
        struct Dirty {
            struct Version {
                Page page;
                std::uint64_t overwritten;  // when
            };
            std::vector<Version> versions;
            std::uint64_t written = 0;
        };
        std::map<std::uint64_t, Dirty> dirty;
        bool locked = false;
    };
    using File = std::shared_ptr<Inode>;

    explicit SimDisk(std::uint64_t seed) : random_(seed) {}

    // --- as a process sees it ---
    File find(const std::string& path);
    File create(const std::string& path);  // in the place of another, which open files keep
    bool remove(const std::string& path);
    bool rename(const std::string& from, const std::string& to);
    void make_directory(const std::string& path);
    bool is_directory(const std::string& path);
    std::vector<std::string> list(const std::string& directory);  // names, sorted
    // False: no space.
    bool write(Inode& file, std::uint64_t offset, std::string_view bytes);
    std::string read(Inode& file, std::uint64_t offset, std::size_t most);
    // Zeros up to this size, which count as synced. False: no space.
    bool fill(Inode& file, std::uint64_t size);
    std::uint64_t size(Inode& file);
    void truncate(Inode& file, std::uint64_t size);
    // What was written before `ticket` is on the platter now. A ticket is taken when a sync, or a synced write, begins.
    struct Ticket {
        std::uint64_t number, size;  // size: the file's at that time
    };
    Ticket ticket(Inode& file);
    void synced(Inode& file, Ticket ticket);
    void synced_range(Inode& file, std::uint64_t offset, std::uint64_t length, Ticket ticket);
    void sync_directory(const std::string& directory);

    // --- what happens to it ---
    std::uint64_t free_bytes();
    // So much more fits.
    void leave_room_for(std::uint64_t bytes);
    bool full = false;          // nothing more fits
    bool broken = false;        // syncs fail
    bool store_broken = false;  // RocksDB's only
    std::uint64_t changes() const { return changes_; }
    // `power`: it fails; else the process is killed.
    void cut_after(std::uint64_t changes, bool power) {
        cut_at_ = changes_ + changes;
        cut_power_ = power;
    }
    // The power has failed, or the process was killed: what is done to the disk from now on is not there at the next start.
    bool frozen() const { return next_.has_value(); }
    // A crash has fallen on the n-th change, ever.
    bool was_cut() const { return was_cut_; }
    bool power_failed() const { return frozen() && power_failed_; }
    // The power fails now, unless it already has.
    void cut_power();
    // Only the process ends here: the system still has all that was written, synced or not.
    void kill_process();
    // The next start.
    void restart();
    std::uint64_t lost_pages() const { return lost_pages_; }

  private:
    struct NameChange {
        std::string directory;
        std::string removed, added;  // paths; a rename has both
        File file;
    };
    struct State {
        std::map<std::string, File> names, durable_names;
        std::vector<NameChange> name_changes;  // not yet synced, in order
    };
    void changed();
    void note(NameChange change) { now_.name_changes.push_back(std::move(change)); }
    static void apply(std::map<std::string, File>& names, const NameChange& change);
    File platter(const Inode& file);

    std::recursive_mutex mutex_;
    Random random_;
    State now_;
    std::optional<State> next_;
    std::map<std::string, bool> directories_;
    std::uint64_t tickets_ = 0, last_ticket_ = 0, changes_ = 0, cut_at_ = ~std::uint64_t{0}, lost_pages_ = 0;
    bool cut_power_ = true, power_failed_ = false, was_cut_ = false;
    std::uint64_t capacity_ = 4ull << 30, used_ = 0;
};

}  // namespace angarium::sim
