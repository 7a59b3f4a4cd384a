// Reads HTTP/1.0 and 1.1 requests from bytes as they come (RFC 9112). A wrapper of Boost.Beast's parser, which stays in
// parser.cpp. What is wrong with a request is a status to answer; afterwards the connection is of no use.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "engine/http/message.hpp"

namespace angarium::http {

struct ParserLimits {
    std::size_t header = 8 * 1024;  // bytes of request line and header fields; more is 431
    std::size_t body = 64 * 1024;   // bytes; more is 413
};

class Parser {
  public:
    enum class State : unsigned char { more, complete, failed };

    explicit Parser(const ParserLimits& limits);
    ~Parser();

    // Takes further bytes, or with none goes on with those behind the last request. After `complete` call take().
    State feed(std::string_view bytes);
    // Bytes of a request have come that is not complete.
    bool started() const;
    // After `failed`: what to answer, and in words why.
    unsigned status() const;
    std::string_view error() const;
    // After `complete`: the client expects the connection to stay open; it speaks HTTP/1.0.
    bool keep_alive() const;
    bool old_version() const;
    // The request, once; the parser is then ready for the next.
    Request take();

  private:
    struct Implementation;
    std::unique_ptr<Implementation> parser_;
};

}  // namespace angarium::http
