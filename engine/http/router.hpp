// Finds the page that a request asks for. Pages are added before the server starts; then it is only read.
// 404: no such page; 405: the page does not take the method, with Allow (RFC 9110, section 15.5.6).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/http/message.hpp"

namespace angarium::http {

class Router final : public Service {
  public:
    // `path` ending in "/" stands for everything below it; the longest that matches wins. `methods`: "GET, HEAD". The
    // page outlives the router.
    void add(std::string path, std::string methods, Service& page);
    runtime::Task<Response> answer(const Request& request) override;

  private:
    struct Entry {
        std::string path, methods;
        Service* page;
    };
    const Entry* find(std::string_view path) const;
    std::vector<Entry> entries_;
};

}  // namespace angarium::http
