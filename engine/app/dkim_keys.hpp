// The signing keys of a configuration: read from their files, once, off the shards. Blocking; main or a worker thread.
// Errors name the file and the remedy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/app/config.hpp"
#include "engine/base/result.hpp"
#include "engine/dkim/signer.hpp"

namespace angarium::app {

// One for each [[dkim]] entry, in their order. A signer is made of them for each shard: dkim::Signer::make.
// `warn` hears of keys that are weak.
Result<std::vector<dkim::Entry>> read_dkim_entries(const std::vector<DkimConfig>& config,
                                                   const std::function<void(std::string)>& warn);

// What signs on each shard. Lives as long as the program: shards and workers sign with the libraries in it, and it must be gone
// after their threads (see dkim::Library). One caller at a time, not on a shard.
class DkimKeys {
  public:
    explicit DkimKeys(unsigned shards) : libraries_(shards) {}
    // Reads the keys anew; a signer for each shard, null without entries.
    Result<std::vector<std::shared_ptr<const dkim::Signer>>> load(
        const std::vector<DkimConfig>& config, const std::function<void(std::string)>& warn);

  private:
    std::vector<std::unique_ptr<const dkim::Library>> libraries_;  // made when there is something to sign
};

}  // namespace angarium::app
