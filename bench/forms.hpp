// The messages that a run chooses from: one form for each size or file. Made before the run, immutable then; any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/choice.hpp"
#include "bench/domains.hpp"
#include "bench/message.hpp"
#include "bench/sizes.hpp"
#include "engine/base/random.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

class Forms {
  public:
    // Errors: a size too small for what identifies a message.
    static Result<std::unique_ptr<Forms>> of_sizes(const RunFacts& facts, const Domains& domains,
                                                   const std::vector<SizeShare>& sizes);
    // Files and folders of *.eml, all equally often. Errors: see MailFile.
    static Result<std::unique_ptr<Forms>> of_files(const RunFacts& facts,
                                                   const std::vector<std::string>& paths);

    const MessageForm& draw(Random& random) const {
        return forms_.size() == 1 ? forms_.front() : forms_[choice_->draw(random)];
    }
    const std::deque<MessageForm>& all() const { return forms_; }

  private:
    Forms() = default;
    std::unique_ptr<Filler> filler_;
    std::deque<MailFile> files_;
    std::deque<MessageForm> forms_;  // they have views into the two above
    std::optional<WeightedChoice> choice_;
};

}  // namespace angarium::bench
