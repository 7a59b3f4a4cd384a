#include "bench/forms.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace angarium::bench {

Result<std::unique_ptr<Forms>> Forms::of_sizes(const RunFacts& facts, const Domains& domains,
                                               const std::vector<SizeShare>& sizes) {
    std::unique_ptr<Forms> forms(new Forms);
    const auto least = MessageForm::least_size(facts, domains);
    const auto steps = size_steps(sizes);
    std::vector<double> weights;
    std::uint64_t largest = 0;
    for (const auto& step : steps) {
        if (step.size < least)
            return failure(fmt::format(
                "a message has at least {} bytes, for what identifies it: give larger sizes than {}", least,
                step.size));
        largest = std::max(largest, step.size);
        weights.push_back(step.weight);
    }
    forms->filler_ = std::make_unique<Filler>(MessageForm::filler_lines(largest));
    for (const auto& step : steps) forms->forms_.emplace_back(facts, domains, step.size, *forms->filler_);
    forms->choice_.emplace(weights);
    return forms;
}

Result<std::unique_ptr<Forms>> Forms::of_files(const RunFacts& facts, const std::vector<std::string>& paths) {
    std::unique_ptr<Forms> forms(new Forms);
    for (const auto& path : paths) {
        const auto names = mail_files_at(path);
        if (!names) return std::unexpected(names.error());
        for (const auto& name : *names) {
            auto file = MailFile::read(name);
            if (!file) return std::unexpected(file.error());
            forms->forms_.emplace_back(facts, forms->files_.emplace_back(std::move(*file)));
        }
    }
    forms->choice_.emplace(std::vector<double>(forms->forms_.size(), 1.0));
    return forms;
}

}  // namespace angarium::bench
