// angarium-sim: plays seeds of the simulated world.
//
//   angarium-sim --seed N [--loud]             one story; the same events every time
//   angarium-sim --seeds N [--first N]         many, on all cores, each batch in a process of its own
//   angarium-sim --seconds N [--first N]       as many as that takes
//   angarium-sim --mistakes                    with each deliberate mistake in turn, until a story shows it; begins with the
//                                              one that did last time
//
// Exit 0: every promise was kept; 1: one was broken, the seed and the end of its trace are printed.
#include <execinfo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <thread>

#include "engine/base/mistakes.hpp"
#include "tests/sim/scenario.hpp"

namespace angarium::sim {
namespace {

// What the processes of a run share.
struct Shared {
    std::atomic<std::uint64_t> next, done, faults, lives, kills, cuts, in_starts, in_stops, reloads,
        acknowledged, recipients, arrivals, doubles, bounces, simulated_seconds, steps, lost_pages, retired,
        loads, journal_bytes, told_again;
    std::atomic<bool> stop;
};

template <class T>
T& shared() {
    return *new (::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) T{};
}

// Each with the story that showed it last: that one is tried first, since a change to the relay rarely changes all stories; and
// with the promise that it breaks: nothing else counts as found.
struct Known {
    std::string_view name;
    std::uint64_t story;
    std::string_view found_as;
};
constexpr std::string_view invariant = "signal 6";  // of the relay itself: an assertion
constexpr Known mistakes[] = {{"none", 0, ""},
                              {"ack_before_sync", 15, "lost"},
                              {"ack_out_of_order", 91, "untold"},
                              {"lost_settle", 2, "twice"},
                              {"lost_bounce", 3, "lost"},
                              {"early_recycle", 4, invariant},
                              {"tail_without_survivors", 40, "lost"},
                              {"settle_ignores_retire", 4, "twice"},
                              {"cursor_off_by_one", 4, "stuck"},
                              {"forgotten_deferral", 8, "stuck"},
                              {"torn_group_accepted", 163, "start"},
                              {"double_release", 1, invariant},
                              {"skipped_recipient", 1, "lost"},
                              {"unknown_is_delivered", 1, "lost"},
                              {"undoubled_dots", 1, "damaged"},
                              {"parts_left_behind", 18, invariant},
                              {"lost_log_page", 7, "unlogged"},
                              {"slot_never_returned", 1, "kept"},
                              {"connection_never_closed", 4, "kept"},
                              {"greedy_window", 84, "starved"},
                              {"terms_renewed", 3, "untold"}};
static_assert(std::size(mistakes) == static_cast<std::size_t>(Mistake::last_one));

constexpr std::uint64_t one_in = 10;  // is told twice, if it can be
constexpr std::uint64_t batch = 20;   // stories of one process: what crashes leave behind goes with it

// A story takes a fraction of a second, a few under a sanitizer, and many where tests leave it little of the cores. One without
// an event for so long stands still: a fault like others. Deliberate mistakes have the cores to themselves, and less time.
constexpr unsigned longest_still = 300, longest_mistake = 60;  // seconds

// As fork(); the child does not outlive its parent.
pid_t fork_bound() {
    const auto parent = ::getpid();
    const auto child = ::fork();
    if (child == 0 && (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent)) ::_exit(1);
    return child;
}

// Runs `work` in so many processes, and `tick` here ten times a second until all have ended. Processes and not threads: each of
// them forks, and a child that is born beside other threads may find a lock of the C library or a sanitizer held for ever.
// False: one of them ended before its work was done, or could not begin.
template <class Work, class Tick>
bool side_by_side(unsigned processes, Work work, Tick tick) {
    std::fflush(stdout);
    bool all = true;
    unsigned alive = 0;
    for (unsigned i = 0; i < processes; ++i) {
        const auto child = fork_bound();
        if (child == 0) {
            work();
            std::fflush(stdout);
            ::_exit(0);
        }
        child > 0 ? void(++alive) : void(all = false);
    }
    while (alive > 0) {
        for (int status = 0; alive > 0 && ::waitpid(-1, &status, WNOHANG) > 0; --alive)
            all = all && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        std::this_thread::sleep_for(100ms);
        tick();
    }
    if (!all) fmt::print("a process that plays stories could not begin, or was ended: see dmesg\n");
    return all;
}

// Where each thread of a story stands that has no end; the addresses are for addr2line.
void tell_frames(int) {
    void* frames[64];
    ::backtrace_symbols_fd(frames, ::backtrace(frames, 64), STDERR_FILENO);
    ::dprintf(STDERR_FILENO, "----\n");
}

// Once in `longest_still`: does it go on? If not it ends in any case: if a lock is held that this needs, by the next alarm.
std::uint64_t steps_seen = 0;
void look_whether_it_goes_on(int) {
    if (const auto made = steps_made.load(); std::exchange(steps_seen, made) != made) {
        ::alarm(longest_still);
        return;
    }
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(30);
    ::signal(SIGUSR1, tell_frames);
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
        ::tgkill(::getpid(), std::stoi(thread.path().filename()), SIGUSR1);
        std::this_thread::sleep_for(200ms);  // one after the other
    }
    ::raise(SIGALRM);
}

void watch() {
    struct sigaction look{};
    look.sa_handler = look_whether_it_goes_on;
    look.sa_flags = SA_NODEFER | SA_RESTART;
    ::sigaction(SIGALRM, &look, nullptr);
    steps_seen = steps_made;
    ::alarm(longest_still);
}

void report(const Outcome& outcome, std::uint64_t seed) {
    fmt::print("seed {}: {}\n{}\nthe last events before (all: angarium-sim --seed {} --loud):\n{}", seed,
               outcome.faults.substr(0, outcome.faults.find('\n')), outcome.faults, seed, outcome.story);
    std::fflush(stdout);
}

void count(Shared& shared, const Outcome& outcome) {
    shared.done += 1;
    shared.lives += outcome.lives;
    shared.kills += outcome.kills;
    shared.cuts += outcome.power_cuts;
    shared.in_starts += outcome.ends_in_start;
    shared.in_stops += outcome.ends_in_stop;
    shared.reloads += outcome.reloads;
    shared.acknowledged += outcome.totals.acknowledged;
    shared.recipients += outcome.totals.recipients;
    shared.arrivals += outcome.totals.arrivals;
    shared.doubles += outcome.totals.doubles;
    shared.bounces += outcome.totals.bounces;
    shared.simulated_seconds += static_cast<std::uint64_t>(outcome.simulated / 1s);
    shared.steps += outcome.steps;
    shared.lost_pages += outcome.lost_pages;
    shared.retired += outcome.retired;
    shared.loads += outcome.loads;
    shared.journal_bytes += outcome.journal_bytes;
}

int play_one(std::uint64_t seed, bool loud) {
    if (!loud) watch();
    const auto outcome = play(seed, loud);
    if (!outcome.faults.empty()) report(outcome, seed);
    fmt::print("seed {}: {} after {} events, {} lives, trace {:016x}\n", seed,
               outcome.faults.empty() ? "kept" : "BROKEN", outcome.steps, outcome.lives, outcome.hash);
    std::fflush(stdout);
    ::_exit(outcome.faults.empty() ? 0 : 1);
}

// Told once more, by another process, a story must have the same trace. `text`: what that one said.
bool told_the_same(std::uint64_t seed, std::uint64_t hash, std::string& text) {
    const auto command = fmt::format("/proc/{}/exe --seed {} 2>/dev/null", ::getpid(), seed);
    auto* const again = ::popen(command.c_str(), "r");
    if (again == nullptr) return false;
    text.resize(4096);
    text.resize(std::fread(text.data(), 1, text.size(), again));
    return ::pclose(again) == 0 && text.find(fmt::format("trace {:016x}", hash)) != std::string::npos;
}

// In a process of its own. `at`: the story it is at, so that one that ends the process has a name.
[[noreturn]] void play_batch(Shared& shared, std::uint64_t first, std::uint64_t last, std::uint64_t& at) {
    int status = 0;
    std::string again;
    for (at = first; at < last && !shared.stop; ++at) {
        watch();
        const auto outcome = play(at, false);
        ::alarm(0);  // another process that tells it again watches itself
        count(shared, outcome);
        if (!outcome.faults.empty()) {
            report(outcome, at);
        } else if (at % one_in != 0 || !outcome.repeats || mistake_to_make != Mistake::none ||
                   (++shared.told_again, told_the_same(at, outcome.hash, again))) {
            continue;
        } else {
            fmt::print("seed {}: {:016x}, but told again: {}", at, outcome.hash, again);
            std::fflush(stdout);
        }
        shared.faults += 1;
        status = 1;
    }
    ::_exit(status);
}

void work(Shared& shared, std::uint64_t last, bool go_on) {
    auto& at = sim::shared<std::uint64_t>();
    while (!shared.stop) {
        const auto first = shared.next.fetch_add(batch);
        if (first >= last) break;
        const auto child = fork_bound();
        if (child == 0) play_batch(shared, first, std::min(first + batch, last), at);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) {
            fmt::print("seed {}: {} (repeat: angarium-sim --seed {} --loud)\n", at,
                       WTERMSIG(status) == SIGALRM ? fmt::format("stood still for {} s", longest_still)
                                                   : fmt::format("ended by signal {}", WTERMSIG(status)),
                       at);
            std::fflush(stdout);
            shared.faults += 1;
        }
        if (shared.faults > 0 && !go_on) shared.stop = true;
    }
}

int play_many(std::uint64_t first, std::uint64_t seeds, double seconds, unsigned processes, bool go_on) {
    auto& run = shared<Shared>();
    run.next = first;
    const auto began = std::chrono::steady_clock::now();
    const auto passed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    const auto last = seconds > 0 ? ~std::uint64_t{0} - batch : first + seeds;
    double told = 0;
    const bool all = side_by_side(
        processes, [&] { work(run, last, go_on); },
        [&] {
            if (seconds > 0 && passed() > seconds) run.stop = true;
            if (passed() - told < 10) return;
            told = passed();
            fmt::print(stderr, "  {} stories, {} power cuts, {} kills, {:.0f} s\n", run.done.load(),
                       run.cuts.load(), run.kills.load(), told);
        });
    fmt::print(
        "{} stories in {:.1f} s ({} told again): {} lives, {} kills, {} power cuts ({} pages lost or torn), "
        "{} of "
        "both in a start and {} in a stop, {} reloads, {} messages "
        "acknowledged for {} "
        "recipients, {} arrivals, {} of them again after a crash or a lost reply, {} bounces, {} messages "
        "moved into the "
        "store, {} loads from it, {} MiB of journal, {:.1f} simulated days, {} events; {} stories with a "
        "broken promise\n",
        run.done.load(), passed(), run.told_again.load(), run.lives.load(), run.kills.load(), run.cuts.load(),
        run.lost_pages.load(), run.in_starts.load(), run.in_stops.load(), run.reloads.load(),
        run.acknowledged.load(), run.recipients.load(), run.arrivals.load(), run.doubles.load(),
        run.bounces.load(), run.retired.load(), run.loads.load(), run.journal_bytes.load() >> 20,
        static_cast<double>(run.simulated_seconds.load()) / 86'400, run.steps.load(), run.faults.load());
    return all && run.faults == 0 ? 0 : 1;
}

// What a story with this mistake breaks, in a process of its own; empty: nothing.
std::string shown(std::size_t mistake, std::uint64_t seed) {
    int pipe[2];
    if (::pipe(pipe) != 0) return "no pipe";
    const auto child = fork_bound();
    if (child < 0) return "no process";
    if (child == 0) {
        ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
        mistake_to_make = static_cast<Mistake>(mistake);
        ::alarm(longest_mistake);
        const auto outcome = play(seed, false);
        const auto text = outcome.faults.substr(0, outcome.faults.find('\n'));
        if (::write(pipe[1], text.data(), text.size()) < 0) ::_exit(2);
        ::_exit(outcome.faults.empty() ? 0 : 1);
    }
    ::close(pipe[1]);
    char text[200];
    const auto got = ::read(pipe[0], text, sizeof text);
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
    return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

// The story that shows this mistake: the one that did last time, else the first one that does; 0: none of so many.
std::uint64_t find(std::size_t mistake, std::uint64_t first, std::uint64_t most, std::string& why) {
    const auto& known = mistakes[mistake];
    const auto shows = [&](std::uint64_t seed) {
        why = shown(mistake, seed);
        return why.starts_with(known.found_as);
    };
    if (shows(known.story)) return known.story;
    for (auto seed = first; seed < first + most; ++seed)
        if (shows(seed)) return seed;
    return 0;
}

int make_mistakes(std::uint64_t first, std::uint64_t most, unsigned processes) {
    struct Found {
        std::atomic<std::size_t> next;
        struct One {
            std::uint64_t seed;
            double seconds;
            char why[200];
        } of[std::size(mistakes)];
    };
    auto& found = shared<Found>();
    found.next = 1;
    bool all = side_by_side(
        processes,
        [&] {
            for (auto mistake = found.next++; mistake < std::size(mistakes); mistake = found.next++) {
                const auto began = std::chrono::steady_clock::now();
                auto& mine = found.of[mistake];
                std::string why;
                mine.seed = find(mistake, first, most, why);
                why.copy(mine.why, sizeof mine.why - 1);
                mine.seconds =
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
            }
        },
        [] {});
    fmt::print("| mistake | seed | seconds | found as |\n|---|---|---|---|\n");
    for (std::size_t mistake = 1; mistake < std::size(mistakes); ++mistake) {
        const auto& one = found.of[mistake];
        all = all && one.seed != 0;
        fmt::print("| {} | {} | {:.1f} | {} |\n", mistakes[mistake].name,
                   one.seed == 0 ? fmt::format("not in {}", most) : std::to_string(one.seed), one.seconds,
                   one.why);
    }
    if (!all) fmt::print("a mistake was not found: the stories do not look there\n");
    return all ? 0 : 1;
}

}  // namespace
}  // namespace angarium::sim

int main(int argc, char** argv) {
    using namespace angarium::sim;
    CLI::App program("angarium-sim: the whole relay in a simulated world");
    std::uint64_t seed = 0, seeds = 0, first = 1;
    double seconds = 0;
    bool loud = false, go_on = false, all_mistakes = false;
    std::string mistake = "none";
    // Two to a core: each waits now and then for RocksDB's threads.
    unsigned processes = 2 * std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::string> names;
    for (const auto& known : mistakes) names.emplace_back(known.name);
    auto* const one = program.add_option("--seed", seed, "play this story");
    program.add_flag("--loud", loud, "print every event");
    program.add_option("--seeds", seeds, "play so many stories");
    program.add_option("--seconds", seconds, "play stories for so long");
    program.add_option("--first", first, "the first seed")->capture_default_str();
    program.add_option("--processes", processes, "at the same time")->capture_default_str();
    program.add_flag("--go-on", go_on, "do not stop at the first broken promise");
    program.add_option("--mistake", mistake, "make this one on purpose")->check(CLI::IsMember(names));
    program.add_flag("--mistakes", all_mistakes, "each in turn: which story finds it");
    CLI11_PARSE(program, argc, argv);
    ::prctl(PR_SET_TIMERSLACK, 1ul);  // the store's calls wait for RocksDB's threads by tens of microseconds
    // Stores and journals come and go with each life: their memory is kept, not given back and asked for again.
    ::mallopt(M_MMAP_THRESHOLD, 256 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
    ::mallopt(M_ARENA_MAX, 1);
    if (all_mistakes) return make_mistakes(first, seeds == 0 ? 2000 : seeds, processes);
    angarium::mistake_to_make =
        static_cast<angarium::Mistake>(std::find(names.begin(), names.end(), mistake) - names.begin());
    if (*one) return play_one(seed, loud);
    if (seeds == 0 && seconds <= 0) seeds = 100;
    return play_many(first, seeds, seconds, processes, go_on);
}
