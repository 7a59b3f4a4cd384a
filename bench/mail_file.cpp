#include "bench/mail_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/core.h>

#include "engine/smtp/content.hpp"

namespace angarium::bench {
namespace {

// "Name: value" or the continuation of such a line (RFC 5322 section 2.2).
bool is_header_line(std::string_view line, bool first) {
    if (!first && (line.front() == ' ' || line.front() == '\t')) return true;
    const auto colon = line.find(':');
    return colon != 0 && colon != std::string_view::npos &&
           std::ranges::all_of(line.substr(0, colon), [](char c) { return c > 32 && c < 127; });
}

}  // namespace

Result<MailFile> MailFile::parse(std::string_view text, const std::string& path) {
    MailFile file;
    file.plain.reserve(text.size() + text.size() / 32);
    bool in_header = true, left_out = false;
    std::size_t number = 0;
    const auto fault = [&](std::string_view what) {
        return failure(fmt::format("{}, line {}: {}", path, number, what));
    };
    while (!text.empty()) {
        const auto newline = text.find('\n');
        auto line = text.substr(0, newline);
        text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        ++number;
        if (line.size() > smtp::max_text_line)
            return fault(
                fmt::format("{} octets, and SMTP has room for {}: encode the body as "
                            "quoted-printable or base64",
                            line.size(), smtp::max_text_line));
        if (line.find('\0') != std::string_view::npos)
            return fault("a NUL, which SMTP does not carry: encode the body as base64");
        if (line.find('\r') != std::string_view::npos)
            return fault("a CR inside the line: lines end in LF or CRLF");
        file.eight_bit |= std::ranges::any_of(line, [](char c) { return (c & 0x80) != 0; });
        if (in_header && line.empty()) {
            in_header = false;
            file.plain += "\r\n";
            file.body_at = file.plain.size();
            continue;
        }
        if (in_header) {
            if (!is_header_line(line, number == 1))
                return fault(
                    "no header field; a message begins with its header (\"Subject: ...\"), then an "
                    "empty line");
            const bool folded = line.front() == ' ' || line.front() == '\t';
            left_out = folded ? left_out : line.starts_with("X-Angarium-");
            if (left_out) continue;
        }
        file.plain.append(line).append("\r\n");
    }
    if (number == 0) return failure(path + " is empty: give a message with a header");
    if (in_header) file.body_at = (file.plain += "\r\n").size();
    return file;
}

Result<MailFile> MailFile::read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.is_open() || in.bad())
        return failure(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    return parse(text, path);
}

Result<std::vector<std::string>> mail_files_at(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return std::vector{path};
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path, error))
        if (entry.path().extension() == ".eml") found.push_back(entry.path().string());
    if (error) return failure(fmt::format("cannot read {}: {}", path, error.message()));
    if (found.empty())
        return failure(path + " has no *.eml files: name the messages so, or give single files");
    std::ranges::sort(found);
    return found;
}

}  // namespace angarium::bench
