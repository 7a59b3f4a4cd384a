// Expected failures are returned values. IoError is what a stream or file says; Error is for people (start-up,
// configuration): it names what failed and the remedy.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace angarium {

struct Error {
    std::string text;  // one sentence, with the remedy where there is one
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(std::string text) { return std::unexpected(Error{std::move(text)}); }

enum class IoError : std::uint8_t {
    end_of_stream,   // the peer closed, or the file ended
    reset,           // the peer tore the connection down
    timed_out,       // the deadline passed
    canceled,        // we aborted it
    refused,         // nobody listens there
    unreachable,     // no route, network or host down
    no_descriptors,  // file descriptors exhausted
    no_space,        // the disk is full
    failed,          // anything else
};

std::string_view to_string(IoError);
IoError io_error_from_errno(int error);

template <class T>
using IoResult = std::expected<T, IoError>;

}  // namespace angarium
