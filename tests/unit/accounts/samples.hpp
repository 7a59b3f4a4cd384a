// Accounts for tests, hashed so cheaply that nobody waits.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "engine/accounts/account.hpp"

namespace angarium::accounts {

inline NewAccount new_account(std::string name, std::string password) {
    NewAccount account;
    account.name = std::move(name);
    account.password = std::move(password);
    account.cost = {4, 1, 1};
    return account;
}

inline std::shared_ptr<const Accounts> parsed(const std::string& text) {
    auto made = Accounts::parse(text, "file");
    EXPECT_TRUE(made) << made.error().at(0).text;
    return std::make_shared<const Accounts>(std::move(*made));
}

}  // namespace angarium::accounts
