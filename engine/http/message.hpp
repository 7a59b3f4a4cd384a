// HTTP as handlers see it: requests and responses as values, and the service that answers them. Owning thread: the shard
// on which the server listens.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/runtime/task.hpp"

namespace angarium::http {

struct Request {
    std::string method;  // "GET", as it was sent
    std::string path;    // from the first "/" up to "?"; still percent-encoded
    std::string query;   // behind the "?"
    std::string body;
    std::string authorization, content_type;  // these header fields, empty when absent
};

struct Response {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // beyond those that the server writes itself
};

// "404 Not Found"'s second half; empty for codes that we never send.
std::string_view reason_of(unsigned status);
// A short text for people: "404 Not Found: no such page\n".
Response error_response(unsigned status, std::string_view what);

class Service {
  public:
    virtual ~Service() = default;
    // The request outlives the task. HEAD is answered like GET; the server leaves the body out.
    virtual runtime::Task<Response> answer(const Request& request) = 0;
};

}  // namespace angarium::http
