// The only file that knows Boost.Beast. See parser.hpp.
#include "engine/http/parser.hpp"

// Beast 1.81 asserts that the two ends of a last chunk ("0\r\n" and "\r\n") come in one piece: no client ends the relay.
#define BOOST_DISABLE_ASSERTS
#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>

namespace angarium::http {
namespace beast_http = boost::beast::http;
namespace {

using BeastRequest = beast_http::request<beast_http::string_body>;

std::string text(boost::beast::string_view view) { return std::string(view.data(), view.size()); }

unsigned status_of(const boost::system::error_code& error) {
    if (error == beast_http::error::header_limit) return 431;
    if (error == beast_http::error::body_limit) return 413;
    if (error == beast_http::error::bad_version) return 505;
    return 400;
}

// "http://host/path" means "/path" here (RFC 9112, section 3.2.2).
std::string_view origin_form(std::string_view target) {
    const auto scheme = target.find("://");
    if (target.starts_with('/') || scheme == std::string_view::npos) return target;
    const auto path = target.find('/', scheme + 3);
    return path == std::string_view::npos ? "/" : target.substr(path);
}

}  // namespace

struct Parser::Implementation {
    explicit Implementation(const ParserLimits& given) : limits(given) { renew(); }

    void renew() {
        beast.emplace();
        beast->header_limit(static_cast<std::uint32_t>(limits.header));
        beast->body_limit(limits.body);
        beast->eager(true);
    }
    State fail(unsigned code, std::string why) {
        status = code;
        error = std::move(why);
        return State::failed;
    }
    State run() {
        // Empty lines in front of a request are skipped (RFC 9112, section 2.2).
        if (!beast->got_some()) bytes.erase(0, std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
        while (!bytes.empty() && !beast->is_done()) {
            boost::system::error_code problem;
            const auto used = beast->put(boost::asio::const_buffer(bytes.data(), bytes.size()), problem);
            bytes.erase(0, used);
            if (problem == beast_http::error::need_more && !beast->is_header_done() &&
                bytes.size() > limits.header)
                return fail(431, "the header is too large");
            if (problem == beast_http::error::need_more) return State::more;
            if (problem) return fail(status_of(problem), problem.message());
        }
        if (!beast->is_done()) return State::more;
        return beast->get().version() < 11 || beast->get().count(beast_http::field::host) == 1
                   ? State::complete
                   : fail(400, "exactly one Host header is needed");
    }

    const ParserLimits limits;
    std::optional<beast_http::request_parser<beast_http::string_body>> beast;
    std::string bytes;  // received and not yet understood; bounded by the limits and one read
    unsigned status = 400;
    std::string error;
};

Parser::Parser(const ParserLimits& limits) : parser_(std::make_unique<Implementation>(limits)) {}
Parser::~Parser() = default;

Parser::State Parser::feed(std::string_view bytes) {
    parser_->bytes.append(bytes);
    return parser_->run();
}

bool Parser::started() const { return parser_->beast->got_some() || !parser_->bytes.empty(); }
unsigned Parser::status() const { return parser_->status; }
std::string_view Parser::error() const { return parser_->error; }
bool Parser::keep_alive() const { return parser_->beast->keep_alive(); }
bool Parser::old_version() const { return parser_->beast->get().version() < 11; }

Request Parser::take() {
    BeastRequest raw = parser_->beast->release();
    parser_->renew();
    Request request;
    request.method = text(raw.method_string());
    const auto whole = text(raw.target());
    const auto target = origin_form(whole);
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
    request.authorization = text(raw[beast_http::field::authorization]);
    request.content_type = text(raw[beast_http::field::content_type]);
    request.body = std::move(raw.body());
    return request;
}

}  // namespace angarium::http
