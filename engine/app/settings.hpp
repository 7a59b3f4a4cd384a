// From the configuration to each part's own options: the one place that knows both.
#pragma once

#include <functional>
#include <string>

#include "dns/options.hpp"
#include "engine/accounts/logins.hpp"
#include "engine/app/config.hpp"
#include "engine/inbound/options.hpp"
#include "engine/outbound/options.hpp"
#include "queue/queue.hpp"

namespace angarium::app {

std::vector<inbound::ListenerOptions> listener_options(const Config& config);
inbound::Options inbound_options(const Config& config);
accounts::LoginOptions login_options(const Config& config);
outbound::Options outbound_options(const Config& config);
dns::Options dns_options(const Config& config);
queue::QueueOptions queue_options(const Config& config);
queue::StoreOptions store_options(const Config& config, std::function<void(std::string)> alarm);

}  // namespace angarium::app
