#include "engine/runtime/tls_stream.hpp"

#include <utility>

#include "engine/runtime/tls_connection.hpp"

namespace angarium::runtime {

TlsStream::TlsStream(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> plain)
    : connection_(*new TlsConnection(std::move(context), std::move(plain))) {}

TlsStream::TlsStream(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> plain, TlsPeer peer)
    : connection_(*new TlsConnection(std::move(context), std::move(plain))) {
    connection_.talk_to(std::move(peer));
}

TlsStream::~TlsStream() { connection_.let_go(); }

Task<TlsResult> TlsStream::handshake(MonoTime deadline) { return connection_.handshake(deadline); }
TlsFacts TlsStream::facts() const { return connection_.facts(); }
std::optional<TlsCertificate> TlsStream::verified_certificate() const {
    return connection_.verified_certificate();
}
bool TlsStream::truncated() const { return connection_.truncated(); }
const std::string& TlsStream::trouble() const { return connection_.trouble(); }
void TlsStream::half_close() { connection_.half_close(); }
void TlsStream::abort(IoError why) { connection_.abort(why); }
const Endpoint& TlsStream::peer() const { return connection_.plain().peer(); }
const Endpoint& TlsStream::local() const { return connection_.plain().local(); }
bool TlsStream::has_input() const { return connection_.has_input(); }

bool TlsStream::begin_read(Operation<std::string_view>& operation, MonoTime deadline) {
    return connection_.begin_read(operation, deadline);
}

bool TlsStream::begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                            MonoTime deadline) {
    return connection_.begin_write(operation, pieces, deadline);
}

}  // namespace angarium::runtime
