// Reason phrases and error responses. See http.hpp.
#include "engine/app/http.hpp"

#include <fmt/format.h>

namespace angarium::app {

std::string_view http_reason(unsigned status) {
    switch (status) {
        case 200:
            return "OK";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "";
    }
}

HttpResponse http_error(unsigned status, std::string_view what) {
    HttpResponse response;
    response.status = status;
    response.body = fmt::format("{} {}: {}\n", status, http_reason(status), what);
    return response;
}

}  // namespace angarium::app
