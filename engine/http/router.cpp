// See router.hpp.
#include "engine/http/router.hpp"

#include <fmt/format.h>

namespace angarium::http {
namespace {

bool matches(std::string_view pattern, std::string_view path) {
    return pattern == path || (pattern.ends_with('/') && path.starts_with(pattern));
}

bool allows(std::string_view methods, std::string_view method) {
    while (true) {
        const auto comma = methods.find(", ");
        if (methods.substr(0, comma) == method) return true;
        if (comma == std::string_view::npos) return false;
        methods.remove_prefix(comma + 2);
    }
}

}  // namespace

void Router::add(std::string path, std::string methods, Service& page) {
    entries_.push_back({std::move(path), std::move(methods), &page});
}

const Router::Entry* Router::find(std::string_view path) const {
    const Entry* best = nullptr;
    for (const auto& entry : entries_)
        if (matches(entry.path, path) && (best == nullptr || entry.path.size() > best->path.size()))
            best = &entry;
    return best;
}

runtime::Task<Response> Router::answer(const Request& request) {
    const Entry* entry = find(request.path);
    if (entry == nullptr) co_return error_response(404, "no such page");
    if (!allows(entry->methods, request.method)) {
        auto response = error_response(405, fmt::format("this page takes {}", entry->methods));
        response.headers.emplace_back("Allow", entry->methods);
        co_return response;
    }
    co_return co_await entry->page->answer(request);
}

}  // namespace angarium::http
