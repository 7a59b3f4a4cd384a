// The configuration: any text is read or refused with errors that name the file; what is accepted prints as a configuration
// that is read back to an equal one.
#include "engine/app/config.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    const app::SystemFacts facts{.hostname = "relay.example.net", .memory = 8ull << 30, .cores = 4};
    const auto config = app::parse_config(text_of(data, size), "fuzz.toml", facts);
    if (!config) {
        require(!config.error().empty(), "a refusal has a reason");
        for (const auto& error : config.error())
            require(error.text.starts_with("fuzz.toml:") && !has_control(error.text),
                    "which names the file, on one line");
        return 0;
    }
    for (const auto& warning : config->warnings) require(!has_control(warning), "a warning is one line");
    const auto printed = app::print_config(*config);
    const auto again = app::parse_config(printed, "printed.toml", facts);
    require(again.has_value(), "what is printed can be read");
    require(app::changed_keys(*config, *again).empty(), "and is the same");
    require(app::print_config(*again) == printed, "and prints the same");
    std::string_view table = printed;
    const auto rules = app::relay_table(*config);
    for (table = rules; !table.empty(); table.remove_prefix(table.find('\n') + 1)) {
        require(table.front() == '#' || table.front() == '\n', "the table of rules is a comment");
        require(table.find('\n') != std::string_view::npos, "and ends");
    }
    return 0;
}
