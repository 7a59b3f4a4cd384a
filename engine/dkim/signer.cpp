#include "engine/dkim/signer.hpp"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.hpp"

namespace angarium::dkim {

Result<std::shared_ptr<const Signer>> Signer::make(const Library& library, std::span<const Entry> entries) {
    const std::shared_ptr<Signer> signer(new Signer(library));
    for (const auto& entry : entries) {
        auto key = PrivateKey::parse(library, entry.key, entry.key_name);
        if (!key) return std::unexpected(key.error());
        signer->keys_.push_back(std::make_unique<const Key>(entry.form, std::move(*key)));
        const Key* const made = signer->keys_.back().get();
        for (const auto& name : entry.domains) {
            auto& domain = signer->domains_[name];
            domain.all.push_back(made);
            if (entry.subdomains) domain.with_subdomains.push_back(made);
        }
    }
    return signer;
}

std::optional<Signer::Choice> Signer::choose(std::string_view author_domain) const {
    if (const auto own = domains_.find(author_domain); own != domains_.end())
        return Choice{own->first, own->second.all};
    for (auto dot = author_domain.find('.'); dot != std::string_view::npos;
         dot = author_domain.find('.', dot + 1))
        if (const auto above = domains_.find(author_domain.substr(dot + 1));
            above != domains_.end() && !above->second.with_subdomains.empty())
            return Choice{above->first, above->second.with_subdomains};
    return std::nullopt;
}

namespace {

// Hashes pieces; small ones are put together first, since each call of the library has its price.
void update(Sha256& hash, std::span<const std::string_view> pieces) {
    constexpr std::size_t small = 64;
    char gathered[1024];
    std::size_t used = 0;
    const auto flush = [&] {
        if (used > 0) hash.update({gathered, used});
        used = 0;
    };
    for (const auto piece : pieces) {
        if (piece.size() > small || used + piece.size() > sizeof gathered) flush();
        if (piece.size() > small) {
            hash.update(piece);
        } else {
            std::memcpy(gathered + used, piece.data(), piece.size());
            used += piece.size();
        }
    }
    flush();
}

}  // namespace

void MessageSigner::feed(std::string_view piece) {
    if (state_ == State::header) {
        constexpr std::string_view blank = "\r\n\r\n";
        const auto before = header_.size();
        std::size_t end = 0;
        if (before == 0) {  // the first piece of most messages holds the whole header section
            end = piece.find(blank);
            header_.assign(piece.substr(0, end == std::string_view::npos ? end : end + blank.size()));
        } else {
            header_.append(piece);
            end = header_.find(blank, before < 3 ? 0 : before - 3);
        }
        if (std::min(end, header_.size()) > most_header) return ignore(Unsigned::malformed);
        if (end == std::string_view::npos) return;
        piece.remove_prefix(end + blank.size() - before);
        header_.resize(end + 2);
        end_of_header();
    }
    if (state_ == State::body) hash(piece);
}

void MessageSigner::ignore(Unsigned why) {
    state_ = State::ignored;
    unsigned_ = why;
    std::string().swap(header_);  // an assignment of {} would keep the memory
    std::vector<Field>().swap(fields_);
}

void MessageSigner::end_of_header() {
    auto fields = split_fields(header_);
    if (!fields) return ignore(Unsigned::malformed);
    fields_ = std::move(*fields);
    auto author = author_of(fields_);
    if (!author) return ignore(Unsigned::malformed);
    choice_ = signer_->choose(author->domain);
    if (!choice_) return ignore(Unsigned::no_key);
    std::size_t names = 0;  // as in h=, with what folds it
    for (const auto& field : fields_) names += field.name.size() + 4;
    if (names * choice_->keys.size() > most_names) return ignore(Unsigned::malformed);
    authors_ = std::move(author->addresses);
    state_ = State::body;
    if (wants(Canonical::simple)) simple_.emplace(signer_->library(), Canonical::simple);
    if (wants(Canonical::relaxed)) relaxed_.emplace(signer_->library(), Canonical::relaxed);
}

bool MessageSigner::wants(Canonical body) const {
    return std::any_of(choice_->keys.begin(), choice_->keys.end(),
                       [body](const auto* key) { return key->form.canonical.body == body; });
}

void MessageSigner::hash(std::string_view piece) {
    for (auto* body : {&simple_, &relaxed_}) {
        if (!*body) continue;
        pieces_.clear();
        (*body)->canonical.feed(piece, pieces_);
        update((*body)->hash, pieces_);
    }
}

bool MessageSigner::end() {
    if (state_ == State::header) end_of_header();  // there is no body
    if (state_ != State::body) return false;
    for (auto* body : {&simple_, &relaxed_}) {
        if (!*body) continue;
        pieces_.clear();
        (*body)->canonical.finish(pieces_);
        update((*body)->hash, pieces_);
        (*body)->digest = (*body)->hash.finish();
    }
    return true;
}

void MessageSigner::prepare(WallTime at) {
    ANGARIUM_ASSERT(made_.empty());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    for (const auto* key : choice_->keys) {
        const auto& form = key->form;
        const auto names = names_to_sign(form, fields_);
        const auto& body = form.canonical.body == Canonical::simple ? *simple_ : *relaxed_;
        auto& field = made_.emplace_back();
        field.text = compose(form, key->key.algorithm(), choice_->domain, names, body.digest, seconds);
        field.digest = header_digest(signer_->library(), fields_, names, field.text, form.canonical.header);
    }
}

bool MessageSigner::takes_long() const {
    return std::any_of(choice_->keys.begin(), choice_->keys.end(),
                       [](const auto* key) { return key->key.algorithm() == Algorithm::rsa_sha256; });
}

bool MessageSigner::sign() {
    for (std::size_t i = 0; i < made_.size(); ++i) {
        const auto signature = choice_->keys[i]->key.sign(made_[i].digest);
        if (!signature) return false;
        complete(made_[i].text, *signature);
    }
    return true;
}

std::string MessageSigner::head() {
    std::string head = std::move(made_.front().text);
    for (std::size_t i = 1; i < made_.size(); ++i) head += made_[i].text;
    return head;
}

}  // namespace angarium::dkim
