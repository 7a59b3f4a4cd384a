// A file that goes with the test, readable by its owner only, as keys must be.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace angarium::support {

class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content) {
        static int number = 0;
        const auto name = "angarium_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
        path_ = (std::filesystem::temp_directory_path() / name).string();
        std::ofstream(path_, std::ios::binary) << content;
        std::filesystem::permissions(path_, std::filesystem::perms(0600));
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace angarium::support
