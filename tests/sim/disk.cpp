#include "tests/sim/disk.hpp"

#include <algorithm>
#include <cstring>

namespace angarium::sim {
namespace {

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

SimDisk::File SimDisk::find(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = now_.names.find(path);
    return found == now_.names.end() ? nullptr : found->second;
}

SimDisk::File SimDisk::create(const std::string& path) {
    const std::lock_guard lock(mutex_);
    changed();
    auto file = std::make_shared<Inode>();
    if (const auto old = find(path)) used_ -= old->size;
    now_.names[path] = file;
    note({directory_of(path), {}, path, file});
    return file;
}

bool SimDisk::remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = now_.names.find(path);
    if (found == now_.names.end()) return directories_.erase(path) > 0;
    changed();
    used_ -= found->second->size;
    note({directory_of(path), path, {}, nullptr});
    now_.names.erase(found);
    return true;
}

bool SimDisk::rename(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    const auto found = now_.names.find(from);
    if (found == now_.names.end()) return false;
    changed();
    const auto file = found->second;
    if (const auto old = find(to)) used_ -= old->size;
    now_.names.erase(found);
    now_.names[to] = file;
    note({directory_of(to), from, to, file});
    return true;
}

// Directories are made once, at a start, and count as durable.
void SimDisk::make_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    for (auto at = path; at != "/" && !at.empty(); at = directory_of(at)) directories_[at] = true;
}

bool SimDisk::is_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return directories_.contains(path);
}

std::vector<std::string> SimDisk::list(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    const auto add = [&](const std::string& path) {
        if (directory_of(path) == directory) names.push_back(path.substr(directory.size() + 1));
    };
    for (const auto& [path, file] : now_.names) add(path);
    for (const auto& [path, there] : directories_) add(path);
    std::sort(names.begin(), names.end());
    return names;
}

bool SimDisk::write(Inode& file, std::uint64_t offset, std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes.empty()) return true;
    const auto end = offset + bytes.size();
    const auto growth = end > file.size ? end - file.size : 0;
    if (growth > 0 && (full || used_ + growth > capacity_)) return false;
    const auto now = ++tickets_;
    used_ += growth;
    file.size = std::max(file.size, end);
    file.pages.resize((file.size + page - 1) / page);
    for (auto at = offset / page; at * page < end; ++at) {
        auto& mine = file.pages[at];
        auto& dirty = file.dirty[at];
        if (dirty.versions.empty() || dirty.written < last_ticket_) dirty.versions.push_back({mine, now});
        dirty.written = now;
        if (!mine)
            mine = std::make_shared<std::array<char, page>>();
        else if (mine.use_count() > 1)
            mine = std::make_shared<std::array<char, page>>(*mine);
        const auto from = std::max(offset, at * page), to = std::min<std::uint64_t>(end, (at + 1) * page);
        std::memcpy(mine->data() + (from - at * page), bytes.data() + (from - offset), to - from);
    }
    changed();  // a cut here finds the pages on their way
    return true;
}

bool SimDisk::fill(Inode& file, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (full || used_ + size > capacity_) return false;
    changed();
    used_ += size - file.size;
    file.size = file.synced_size = size;
    file.pages.resize(size / page);
    return true;
}

std::string SimDisk::read(Inode& file, std::uint64_t offset, std::size_t most) {
    const std::lock_guard lock(mutex_);
    if (offset >= file.size) return {};
    const auto end = std::min<std::uint64_t>(file.size, offset + most);
    std::string bytes(end - offset, '\0');
    for (auto at = offset / page; at * page < end; ++at) {
        const auto from = std::max(offset, at * page), to = std::min<std::uint64_t>(end, (at + 1) * page);
        if (file.pages[at])
            std::memcpy(bytes.data() + (from - offset), file.pages[at]->data() + (from - at * page),
                        to - from);
    }
    return bytes;
}

std::uint64_t SimDisk::size(Inode& file) {
    const std::lock_guard lock(mutex_);
    return file.size;
}

void SimDisk::truncate(Inode& file, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    changed();
    if (size < file.size) used_ -= file.size - size;
    file.size = size;
    file.pages.resize((size + page - 1) / page);
    file.synced_size = std::min(file.synced_size, size);
    file.dirty.erase(file.dirty.lower_bound((size + page - 1) / page), file.dirty.end());
}

SimDisk::Ticket SimDisk::ticket(Inode& file) {
    const std::lock_guard lock(mutex_);
    last_ticket_ = ++tickets_;
    return {last_ticket_, file.size};
}

// A page that was written again meanwhile is on the platter as it was when the sync began.
void SimDisk::synced(Inode& file, Ticket ticket) { synced_range(file, 0, ticket.size, ticket); }

void SimDisk::synced_range(Inode& file, std::uint64_t offset, std::uint64_t length, Ticket ticket) {
    const std::lock_guard lock(mutex_);
    changed();
    const auto end = file.dirty.lower_bound((offset + length + page - 1) / page);
    for (auto at = file.dirty.lower_bound(offset / page); at != end;) {
        auto& versions = at->second.versions;
        if (at->second.written < ticket.number) {
            at = file.dirty.erase(at);
            continue;
        }
        // The last one that was there when the sync began is what it wrote.
        std::erase_if(versions, [&](const auto& version) { return version.overwritten < ticket.number; });
        ++at;
    }
    file.synced_size = std::max(file.synced_size, std::min({offset + length, ticket.size, file.size}));
}

void SimDisk::sync_directory(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    changed();
    for (const auto& change : now_.name_changes)
        if (change.directory == directory) apply(now_.durable_names, change);
    std::erase_if(now_.name_changes, [&](const auto& change) { return change.directory == directory; });
}

std::uint64_t SimDisk::free_bytes() {
    const std::lock_guard lock(mutex_);
    return full || used_ > capacity_ ? 0 : capacity_ - used_;
}

void SimDisk::leave_room_for(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = used_ + bytes;
}

void SimDisk::apply(std::map<std::string, File>& names, const NameChange& change) {
    if (!change.removed.empty()) names.erase(change.removed);
    if (!change.added.empty()) names[change.added] = change.file;
}

void SimDisk::changed() {
    if (++changes_ < cut_at_) return;
    was_cut_ = was_cut_ || !frozen();
    if (cut_power_)
        cut_power();
    else
        kill_process();
}

// A file as the platter has it: each page that was not synced is new, old, or new up to some sector.
SimDisk::File SimDisk::platter(const Inode& file) {
    auto left = std::make_shared<Inode>();
    left->pages = file.pages;
    left->size = file.synced_size;
    for (const auto& [at, dirty] : file.dirty) {
        const auto begin = at * page;
        if (begin >= file.size) continue;
        const auto length = std::min<std::uint64_t>(page, file.size - begin);
        const auto dice = random_.below(8);
        const auto kept = dice < 3   ? length
                          : dice < 6 ? 0
                                     : std::min(length, random_.below(page / sector) * sector);
        if (kept > 0) left->size = std::max(left->size, begin + kept);
        if (kept == length) continue;
        ++lost_pages_;
        const auto& old = dirty.versions.front().page;
        auto torn =
            old ? std::make_shared<std::array<char, page>>(*old) : std::make_shared<std::array<char, page>>();
        std::memcpy(torn->data(), file.pages[at]->data(), kept);
        left->pages[at] = std::move(torn);
    }
    left->pages.resize((left->size + page - 1) / page);
    left->synced_size = left->size;
    return left;
}

void SimDisk::cut_power() {
    const std::lock_guard lock(mutex_);
    if (next_) return;
    power_failed_ = true;
    // Names reach the platter in their order, so far and no further.
    auto names = now_.durable_names;
    const auto reached = random_.below(now_.name_changes.size() + 1);
    for (std::size_t i = 0; i < reached; ++i) apply(names, now_.name_changes[i]);
    next_.emplace();
    for (const auto& [path, file] : names) {
        next_->names.emplace(path, platter(*file));
    }
    next_->durable_names = next_->names;
}

void SimDisk::kill_process() {
    const std::lock_guard lock(mutex_);
    if (next_) return;
    power_failed_ = false;
    next_ = now_;
    std::map<File, File> copies;
    const auto copy = [&](File& file) {
        if (!file) return;
        auto& made = copies[file];
        if (!made) made = std::make_shared<Inode>(*file);
        file = made;
    };
    for (auto& [path, file] : next_->names) copy(file);
    for (auto& [path, file] : next_->durable_names) copy(file);
    for (auto& change : next_->name_changes) copy(change.file);
}

void SimDisk::restart() {
    const std::lock_guard lock(mutex_);
    cut_at_ = ~std::uint64_t{0};
    if (next_) now_ = std::move(*next_);
    next_.reset();
    used_ = 0;
    for (auto& [path, file] : now_.names) {
        file->locked = false;
        used_ += file->size;
    }
}

}  // namespace angarium::sim
