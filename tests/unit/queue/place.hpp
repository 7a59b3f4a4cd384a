// A directory of a test's own, removed with all in it when the test ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace angarium::queue {

class TestPlace {
  public:
    TestPlace() {
        std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~TestPlace() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestPlace(const TestPlace&) = delete;
    TestPlace& operator=(const TestPlace&) = delete;
    std::string path(const std::string& name = {}) const { return (path_ / name).string(); }

    // Bytes in files below, optionally only of those whose name ends so.
    std::uint64_t bytes(const std::string& ending = {}) const {
        std::uint64_t sum = 0;
        std::error_code gone;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(path_))
            if (entry.is_regular_file(gone) && entry.path().string().ends_with(ending))
                sum += entry.file_size(gone);
        return sum;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace angarium::queue
