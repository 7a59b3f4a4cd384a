#include "engine/dkim/key_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace angarium::dkim {
namespace {

class KeyFile : public ::testing::Test {
  protected:
    KeyFile() {
        std::string name = testing::TempDir() + "dkim-XXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    ~KeyFile() override { std::filesystem::remove_all(folder_); }
    std::string path(const std::string& name = "key.pem") const { return folder_ + "/" + name; }
    static unsigned mode(const std::string& path) {
        struct stat facts{};
        ::stat(path.c_str(), &facts);
        return facts.st_mode & 07777u;
    }
    std::string folder_;
};

TEST_F(KeyFile, IsWrittenForItsOwnerOnly) {
    ::umask(0);
    ASSERT_TRUE(write_key_file(path(), "secret", false));
    EXPECT_EQ(mode(path()), 0600u);
    EXPECT_EQ(read_key_file(path()), "secret");
    const auto again = write_key_file(path(), "other", false);
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().text.find("is there already"), std::string::npos);
    EXPECT_EQ(read_key_file(path()), "secret");
    ::chmod(path().c_str(), 0644);
    ASSERT_TRUE(write_key_file(path(), "other", true));
    EXPECT_EQ(mode(path()), 0600u);
    EXPECT_EQ(read_key_file(path()), "other");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(KeyFile, IsRefusedWhenEverybodyMayReadIt) {
    ASSERT_TRUE(write_key_file(path(), "secret", false));
    for (const unsigned open : {0604u, 0644u, 0602u, 0666u}) {
        ::chmod(path().c_str(), open);
        const auto read = read_key_file(path());
        ASSERT_FALSE(read) << open;
        EXPECT_TRUE(read.error().text.ends_with("run: chmod 600 " + path())) << read.error().text;
    }
    ::chmod(path().c_str(), 0640);
    EXPECT_TRUE(read_key_file(path()));
}

TEST_F(KeyFile, ErrorsNameTheFile) {
    EXPECT_NE(read_key_file(path("none")).error().text.find("No such file"), std::string::npos);
    EXPECT_NE(read_key_file(folder_).error().text.find("it is no file"), std::string::npos);
    ASSERT_TRUE(write_key_file(path("empty"), "", false));
    EXPECT_NE(read_key_file(path("empty")).error().text.find("it is empty"), std::string::npos);
    ASSERT_TRUE(write_key_file(path("large"), std::string(100'000, 'x'), false));
    EXPECT_NE(read_key_file(path("large")).error().text.find("too large"), std::string::npos);
    EXPECT_NE(write_key_file(path("no/folder"), "x", true).error().text.find("No such file"),
              std::string::npos);
}

}  // namespace
}  // namespace angarium::dkim
