// The list of metrics in metrics/README.md is the catalogue. After adding a metric, write the list again with
//   ANGARIUM_WRITE=1 unit_metrics --gtest_filter='MetricsList.*'
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <span>
#include <sstream>

#include "metrics/catalogue.hpp"

namespace angarium::metrics {
namespace {

constexpr std::string_view begin_mark = "<!-- list: begin -->\n", end_mark = "<!-- list: end -->\n";
const std::string readme = ANGARIUM_ROOT "/metrics/README.md";

std::string labels_of(std::span<const Entry> entries, std::size_t first) {
    std::string out;
    for (std::size_t i = first; i < entries.size() && (i == first || entries[i].continues()); ++i) {
        if (entries[i].labels.empty()) continue;
        const auto label = entries[i].per_shard() ? "shard" : entries[i].labels;
        out += fmt::format("{}`{}`", out.empty() ? "<br>" : ", ", label);
    }
    return out;
}

std::string rows(std::span<const Entry> entries, std::string_view type) {
    std::string out;
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (!entries[i].continues())
            out += fmt::format("| `{}`{} | {} | {} | {} |\n", entries[i].name, labels_of(entries, i), type,
                               entries[i].help, entries[i].high);
    return out;
}

std::string list() {
    return "| metric | type | meaning | a high value |\n|---|---|---|---|\n" +
           rows(count_entries, "counter") + rows(level_entries, "gauge") + rows(spread_entries, "histogram");
}

std::string read(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(MetricsList, InTheReadmeIsTheCatalogue) {
    const auto text = read(readme);
    const auto begin = text.find(begin_mark), end = text.find(end_mark);
    ASSERT_NE(begin, std::string::npos) << readme;
    ASSERT_NE(end, std::string::npos) << readme;
    const auto wanted = text.substr(0, begin) + std::string(begin_mark) + list() + text.substr(end);
    if (std::getenv("ANGARIUM_WRITE") != nullptr) {
        std::ofstream(readme) << wanted;
        return;
    }
    EXPECT_EQ(text, wanted) << "write it again: ANGARIUM_WRITE=1 unit_metrics --gtest_filter='MetricsList.*'";
}

}  // namespace
}  // namespace angarium::metrics
