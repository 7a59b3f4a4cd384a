// What the sockets, files and polls of one shard stand on. Owning thread: the shard's.
#pragma once

#include "engine/runtime/buffers.hpp"
#include "engine/runtime/ring.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::runtime {

class FileOperations;  // file_operations.hpp
class ListenClaims;    // listen_claims.hpp

struct IoContext {
    Shard& shard;
    Ring& ring;
    ReceiveBuffers& buffers;
    FileOperations& files;
    ListenClaims& claims;
    std::size_t open_sockets = 0;

    // Of the shard that runs on this thread; aborts where there is none.
    static IoContext& current();
};

}  // namespace angarium::runtime
