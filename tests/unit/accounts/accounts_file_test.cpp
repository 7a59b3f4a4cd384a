#include "engine/accounts/accounts_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/accounts/samples.hpp"

namespace angarium::accounts {
namespace {

namespace fs = std::filesystem;

class AccountsFile : public ::testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/angarium-accounts-XXXXXX";
        folder_ = ::mkdtemp(name);
        file_ = folder_ / "users";
    }
    void TearDown() override { fs::remove_all(folder_); }

    Result<void> add(const std::string& name, bool create = true) {
        const auto line = account_line(new_account(name, "water"));
        return edit_accounts(file_, create,
                             [&](std::string_view text) { return with_account(text, name, line, false); });
    }
    mode_t mode() const {
        struct stat facts{};
        ::stat(file_.c_str(), &facts);
        return facts.st_mode & 07777;
    }
    std::string text() const {
        std::ifstream in(file_);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    fs::path folder_, file_;
};

TEST_F(AccountsFile, IsMadeForItsOwnerOnly) {
    ASSERT_TRUE(add("jack"));
    EXPECT_EQ(mode(), 0600u);
    const auto loaded = load_accounts(file_);
    ASSERT_TRUE(loaded);
    EXPECT_TRUE((*loaded)->check("jack", "water"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()),
              1);  // nothing is left beside it
}

TEST_F(AccountsFile, KeepsItsModeAndWhatItIsNamedBy) {
    ASSERT_TRUE(add("jack"));
    ASSERT_EQ(::chmod(file_.c_str(), 0640), 0);
    const auto target = file_;
    file_ = folder_ / "link";
    fs::create_symlink(target, file_);
    ASSERT_TRUE(add("jill"));
    EXPECT_TRUE(fs::is_symlink(file_));
    EXPECT_EQ(mode(), 0640u);
    EXPECT_TRUE((*load_accounts(target))->check("jill", "water"));
}

TEST_F(AccountsFile, IsRefusedWhenEverybodyMayUseIt) {
    ASSERT_TRUE(add("jack"));
    for (const mode_t open : {0604u, 0602u, 0644u, 0666u}) {
        ASSERT_EQ(::chmod(file_.c_str(), open), 0);
        const auto loaded = load_accounts(file_);
        ASSERT_FALSE(loaded);
        EXPECT_NE(loaded.error().at(0).text.find("chmod o= " + file_.string()), std::string::npos)
            << loaded.error().at(0).text;
        EXPECT_FALSE(add("jill"));
    }
}

TEST_F(AccountsFile, SaysWhatIsWrong) {
    auto loaded = load_accounts(file_);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().at(0).text.find("angarium user add"), std::string::npos);
    EXPECT_FALSE(add("jack", false));
    loaded = load_accounts(folder_);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().at(0).text.find("no regular file"), std::string::npos);
    file_ = folder_ / "nowhere" / "users";
    EXPECT_FALSE(add("jack"));
}

TEST_F(AccountsFile, StaysAsItWasWhenTheChangeFails) {
    ASSERT_TRUE(add("jack"));
    const auto before = text();
    EXPECT_FALSE(add("jack"));
    EXPECT_FALSE(edit_accounts(file_, true,
                               [](std::string_view) -> Result<std::string> { return "nonsense here\n"; }));
    EXPECT_EQ(text(), before);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(AccountsFile, ChangesDoNotOvertakeEachOther) {
    ASSERT_TRUE(add("first"));
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([this, i] {
            for (int j = 0; j < 5; ++j)
                EXPECT_TRUE(add("user" + std::to_string(i) + "-" + std::to_string(j)));
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ((*load_accounts(file_))->all().size(), 41u);
}

}  // namespace
}  // namespace angarium::accounts
