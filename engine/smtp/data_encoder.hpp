// Content on its way out behind DATA (RFC 5321 section 4.5.2): a list of pieces over the original bytes, with a "." put in
// only where a line begins with one, and the end CRLF.CRLF. Nothing is copied; there are about as many pieces as dots.
// Owner: one attempt. The content must be CRLF-clean, as intake keeps it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace angarium::smtp {

class DataEncoder {
  public:
    // The next part of the content; views of it are appended to `pieces` and stay valid as long as `part` does.
    void add(std::string_view part, std::vector<std::string_view>& pieces);
    // The end of data; gives the last line its CRLF where it has none.
    void finish(std::vector<std::string_view>& pieces);

  private:
    bool line_start_ = true;
};

// The octets in all pieces.
std::size_t total_size(const std::vector<std::string_view>& pieces);

}  // namespace angarium::smtp
