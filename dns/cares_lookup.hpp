// The real Lookup: c-ares, one per shard, with its sockets polled by the shard's ring and its timeouts ticked by the
// shard's wheel. cares_lookup.cpp is the only file that knows c-ares.
//
// * Replies are read by message.hpp from the raw octets: c-ares's own parsers lose TTLs.
// * A reply that does not fit UDP is asked again over TCP (c-ares does that).
// * With several servers, SERVFAIL or REFUSED of one makes the others be asked as well.
// * Channels are made anew every LookupOptions::renew while in use (see there); old ones finish what they began.
//
// Known limits: c-ares 1.18 does not remember which server is dead, so each question waits for the first one's timeout;
// a question fails at the latest after timeout x servers x (2^tries - 1), plus a tick.
//
// Owning thread: the shard's. cancel() and the return of every ask() come before the end.
#pragma once

#include <memory>

#include "dns/lookup.hpp"
#include "dns/options.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::dns {

// Shard and poller outlive the lookup. Error: c-ares cannot start, or there is no usable name server.
Result<std::unique_ptr<Lookup>> make_cares_lookup(runtime::Shard& shard, runtime::Poller& poller,
                                                  LookupOptions options);

}  // namespace angarium::dns
