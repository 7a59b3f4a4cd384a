// Who signs for which domain, and one message on its way to being signed.
//
//   Signer          keys and forms by domain, parsed for one shard; never changes: a reload makes a new one
//   MessageSigner   hears a message's content as it streams by: the header section is kept, the body only hashed
//
// A message's way: feed() each piece; when the header section is complete the author's domain chooses the keys. Without any the
// rest is ignored. At the end prepare() composes the fields and hashes the header section; sign() makes the signatures, which
// takes long with RSA and may be done on another thread; head() is what goes in front of the message.
//
// Threads: Signer::make on any; the rest on the shard's, except sign(). Errors: Result names key and remedy; a message
// that nobody could verify is not signed (Unsigned says why); sign() is false when the library fails.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.hpp"
#include "engine/dkim/signature.hpp"

namespace angarium::dkim {

// One [[dkim]] entry with its key's text.
struct Entry {
    std::vector<std::string> domains;  // A-labels, lower case
    bool subdomains = false;           // signs for what is below its domains, too
    Form form;
    std::string key;       // PEM
    std::string key_name;  // where it is from, for errors
};

class Signer {
  public:
    struct Key {
        Form form;
        PrivateKey key;
    };
    // What signs for an author's domain: d=, and one signature for each key.
    struct Choice {
        std::string_view domain;
        std::span<const Key* const> keys;
    };

    // The library is the shard's, and outlives every signer made with it.
    static Result<std::shared_ptr<const Signer>> make(const Library& library, std::span<const Entry> entries);

    // The entries of exactly this domain; else those of the nearest domain above it that sign for subdomains.
    std::optional<Choice> choose(std::string_view author_domain) const;
    const Library& library() const { return library_; }
    const std::vector<std::unique_ptr<const Key>>& keys() const { return keys_; }

  private:
    explicit Signer(const Library& library) : library_(library) {}
    struct Domain {
        std::vector<const Key*> all, with_subdomains;
    };
    const Library& library_;
    std::vector<std::unique_ptr<const Key>> keys_;
    std::map<std::string, Domain, std::less<>> domains_;
};

// A header section that is larger is not kept, and its message not signed. Real ones have some KiB.
inline constexpr std::size_t most_header = 256 * 1024;
// Nor is one whose signatures would have to name so much, all h= together: it keeps head() below the 256 KiB that the queue
// takes in front of a message. Real ones need a fraction of it.
inline constexpr std::size_t most_names = 64 * 1024;

enum class Unsigned : std::uint8_t {
    no_key,  // for the author's domain
    malformed,  // header section: no or several From, authors of several domains, lines that are no fields, or too much of it
};

class MessageSigner {
  public:
    explicit MessageSigner(std::shared_ptr<const Signer> signer) : signer_(std::move(signer)) {}

    // The next piece of the content: CRLF-clean, not dot-stuffed, without what we put in front.
    void feed(std::string_view piece);
    // The content is complete. True: it is to be signed, for domain(); false: unsigned_because().
    bool end();
    std::string_view domain() const { return choice_->domain; }
    const std::vector<std::string>& authors() const { return authors_; }
    Unsigned unsigned_because() const { return unsigned_; }

    // Composes the fields. Once, behind end().
    void prepare(WallTime at);
    // At least one of the signatures takes hundreds of microseconds: better not on the shard.
    bool takes_long() const;
    // Makes the signatures, on any one thread. False: the library failed.
    bool sign();
    // The fields, each with its CRLF. Once, behind sign().
    std::string head();
    // The keys that sign: one for each field, in its order.
    std::span<const Signer::Key* const> keys() const { return choice_->keys; }

  private:
    enum class State : std::uint8_t { header, body, ignored };
    struct Made {
        std::string text;  // of the field
        Digest digest;     // to be signed
    };
    void end_of_header();
    void ignore(Unsigned why);
    void hash(std::string_view piece);
    bool wants(Canonical body) const;

    const std::shared_ptr<const Signer> signer_;
    State state_ = State::header;
    Unsigned unsigned_ = Unsigned::no_key;
    std::string header_;  // the header section, without the empty line
    std::vector<Field> fields_;
    std::vector<std::string> authors_;  // their addresses
    std::optional<Signer::Choice> choice_;
    struct Body {
        Body(const Library& library, Canonical how) : canonical(how), hash(library) {}
        BodyCanonical canonical;
        Sha256 hash;
        Digest digest{};
    };
    std::optional<Body> simple_, relaxed_;  // those that a chosen key wants
    std::vector<std::string_view> pieces_;
    std::vector<Made> made_;
};

}  // namespace angarium::dkim
