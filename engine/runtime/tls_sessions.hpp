// What a client may resume: the last TLS session with each peer, most recently used first. The key says with whom and under
// which policy, so a session made under one policy never serves another. Bounded. Owning thread: the shard's.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

struct ssl_session_st;

namespace angarium::runtime {

class TlsSessions {
  public:
    explicit TlsSessions(std::size_t most) : most_(most) {}
    ~TlsSessions();
    TlsSessions(const TlsSessions&) = delete;
    TlsSessions& operator=(const TlsSessions&) = delete;

    // The session to offer, still owned here; nullptr: none.
    ssl_session_st* find(std::string_view key);
    // Takes over one reference to the session, in the place of an older one.
    void keep(std::string_view key, ssl_session_st* session);
    // The peer did not like it.
    void forget(std::string_view key);
    std::size_t size() const { return places_.size(); }

  private:
    struct Kept {
        std::string key;
        ssl_session_st* session;
    };
    using Place = std::list<Kept>::iterator;
    void remove(Place place);

    std::size_t most_;
    std::list<Kept> kept_;                                // most recently used first
    std::unordered_map<std::string_view, Place> places_;  // the keys lie in `kept_`
};

}  // namespace angarium::runtime
