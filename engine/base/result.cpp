#include "engine/base/result.hpp"

#include <cerrno>

namespace angarium {

std::string_view to_string(IoError error) {
    switch (error) {
        case IoError::end_of_stream:
            return "connection closed";
        case IoError::reset:
            return "connection reset";
        case IoError::timed_out:
            return "timed out";
        case IoError::canceled:
            return "canceled";
        case IoError::refused:
            return "connection refused";
        case IoError::unreachable:
            return "host unreachable";
        case IoError::no_descriptors:
            return "out of file descriptors";
        case IoError::no_space:
            return "no space left on the disk";
        case IoError::failed:
            return "input/output error";
    }
    return "unknown error";
}

IoError io_error_from_errno(int error) {
    switch (error) {
        case ECONNRESET:
        case EPIPE:
        case ECONNABORTED:
            return IoError::reset;
        case ETIMEDOUT:
            return IoError::timed_out;
        case ECANCELED:
            return IoError::canceled;
        case ECONNREFUSED:
            return IoError::refused;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case EHOSTDOWN:
        case EADDRNOTAVAIL:
            return IoError::unreachable;
        case EMFILE:
        case ENFILE:
            return IoError::no_descriptors;
        case ENOSPC:
        case EDQUOT:
            return IoError::no_space;
        default:
            return IoError::failed;
    }
}

}  // namespace angarium
