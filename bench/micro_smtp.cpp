// Micro-benchmarks of the pure protocol: commands, replies, content, the Received: field, and what generator and sink add.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/client_dialogue.hpp"
#include "bench/message.hpp"
#include "bench/micro_samples.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/data_decoder.hpp"
#include "engine/smtp/data_encoder.hpp"
#include "engine/smtp/extensions.hpp"
#include "engine/smtp/line_reader.hpp"
#include "engine/smtp/received.hpp"
#include "engine/smtp/reply.hpp"

namespace angarium::bench {
namespace {

// The commands of one transaction, from bytes to values.
void parse_commands(benchmark::State& state) {
    constexpr std::string_view flight =
        "MAIL FROM:<bounce+4711@sender.example.test> SIZE=4096 BODY=8BITMIME\r\n"
        "RCPT TO:<someone@d042.example.test>\r\nDATA\r\n";
    smtp::LineReader lines(smtp::max_command_line);
    for (auto _ : state) {
        std::string_view input = flight;
        while (!input.empty()) {
            const auto line = lines.next(input);
            auto command = smtp::parse_command(line.text);
            if (command->verb == smtp::Verb::mail) {
                auto mail = smtp::parse_mail(command->argument);
                benchmark::DoNotOptimize(mail);
            } else if (command->verb == smtp::Verb::rcpt) {
                auto rcpt = smtp::parse_rcpt(command->argument, smtp::Utf8::refused);
                benchmark::DoNotOptimize(rcpt);
            }
            benchmark::DoNotOptimize(command);
        }
    }
    state.SetItemsProcessed(state.iterations() * 3);
}
BENCHMARK(parse_commands);

void parse_reply(benchmark::State& state) {
    constexpr std::string_view reply = "250 2.0.0 Ok: queued as 01HZX2V9K3M8Q4R7T6Y5W0N1BC\r\n";
    smtp::ReplyParser parser;
    for (auto _ : state) {
        std::string_view input = reply;
        auto complete = parser.feed(input);
        benchmark::DoNotOptimize(complete);
        benchmark::DoNotOptimize(parser.reply().code);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse_reply);

void parse_ehlo(benchmark::State& state) {
    std::string reply;
    smtp::Extensions offered;
    offered.pipelining = offered.eight_bit_mime = offered.chunking = offered.dsn = offered.size = true;
    smtp::append_ehlo_reply(reply, "mx.example.net", offered);
    smtp::ReplyParser parser;
    for (auto _ : state) {
        std::string_view input = reply;
        auto complete = parser.feed(input);
        benchmark::DoNotOptimize(complete);
        auto extensions = smtp::parse_ehlo_reply(parser.reply());
        benchmark::DoNotOptimize(extensions);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse_ehlo);

void decode_data(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    std::vector<std::string_view> pieces;
    for (auto _ : state) {
        smtp::DataDecoder decoder;
        pieces.clear();
        for (std::string_view rest = content.wire; !rest.empty();) {  // in receive buffers of 16 KiB
            auto input = rest.substr(0, 16384);
            rest.remove_prefix(input.size());
            benchmark::DoNotOptimize(decoder.feed(input, pieces));
        }
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(decode_data)->Arg(4096)->Arg(32768)->Arg(1 << 20);

// The same into one piece of memory, as others hand it out.
void decode_data_copied(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    std::vector<std::string_view> pieces;
    std::string out;
    for (auto _ : state) {
        smtp::DataDecoder decoder;
        out.clear();
        for (std::string_view rest = content.wire; !rest.empty();) {
            auto input = rest.substr(0, 16384);
            rest.remove_prefix(input.size());
            pieces.clear();
            decoder.feed(input, pieces);
            for (const auto piece : pieces) out.append(piece);
        }
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    if (out != content.plain) state.SkipWithError("the content is another");
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(decode_data_copied)->Name("decode_data/copied")->Arg(4096)->Arg(32768)->Arg(1 << 20);

void encode_data(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    std::vector<std::string_view> pieces;
    for (auto _ : state) {
        smtp::DataEncoder encoder;
        pieces.clear();
        encoder.add(content.plain, pieces);
        encoder.finish(pieces);
        benchmark::DoNotOptimize(pieces.data());
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_data)->Arg(4096)->Arg(32768)->Arg(1 << 20);

void encode_data_copied(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    std::vector<std::string_view> pieces;
    std::string out;
    for (auto _ : state) {
        smtp::DataEncoder encoder;
        pieces.clear();
        out.clear();
        encoder.add(content.plain, pieces);
        encoder.finish(pieces);
        for (const auto piece : pieces) out.append(piece);
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    if (out != content.wire) state.SkipWithError("the content is another");
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_data_copied)->Name("encode_data/copied")->Arg(4096)->Arg(32768)->Arg(1 << 20);

void received_header(benchmark::State& state) {
    const auto recipient = smtp::Mailbox::parse("someone@d042.example.test");
    smtp::TraceFacts facts;
    facts.helo = "client.example.net";
    facts.peer = *IpAddress::parse("192.0.2.17");
    facts.hostname = "relay.example.net";
    facts.id = "01HZX2V9K3M8Q4R7T6Y5W0N1BC";
    facts.recipient = &*recipient;
    facts.at = WallTime{1'700'000'000'000ms};
    std::string out;
    for (auto _ : state) {
        out.clear();
        smtp::append_received(out, facts);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(received_header);

// What generator and sink add to a message: composing it, and reading it with its checksum.
void compose_message(benchmark::State& state) {
    Content content(static_cast<std::uint64_t>(state.range(0)));
    std::uint64_t number = 0;
    for (auto _ : state) content.composer.compose(content.form, ++number, 1, 7);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(compose_message)->Arg(4096)->Arg(32768);

// A whole transaction in lockstep as the generator sees it, without the network.
void client_transaction(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    SendOptions options;
    SendErrors errors;
    ClientDialogue dialogue(options, content.domains, errors);
    dialogue.connected();
    for (const char* reply : {"220 hello\r\n", "250-hello\r\n250 SIZE 1000000\r\n"}) {
        dialogue.feed(reply);
        dialogue.flight();
    }
    std::vector<ClientDialogue::Target> targets;
    std::uint64_t number = 0;
    for (auto _ : state) {
        targets.assign(1, {0, 42});
        dialogue.begin(++number, content.form, targets, 0);
        dialogue.flight();
        for (const char* reply :
             {"250 2.1.0 Ok\r\n", "250 2.1.5 Ok\r\n", "354 End data with .\r\n", "250 2.0.0 Ok\r\n"}) {
            dialogue.feed(reply);
            dialogue.flight();
        }
    }
    if (!dialogue.ended() || !errors.all().empty()) state.SkipWithError("the dialogue went wrong");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(client_transaction)->Arg(4096)->Arg(32768);

// The domain of a recipient, by Zipf's law.
void draw_domain(benchmark::State& state) {
    const DomainChoice choice(static_cast<unsigned>(state.range(0)), 1.0);
    Random random(1);
    for (auto _ : state) benchmark::DoNotOptimize(choice.draw(random));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(draw_domain)->Arg(100)->Arg(100'000);

void read_message(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    MessageReader reader;
    for (auto _ : state) {
        reader.begin();
        reader.feed(content.plain);
        auto facts = reader.finish();
        benchmark::DoNotOptimize(facts);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_message)->Arg(4096)->Arg(32768);

}  // namespace
}  // namespace angarium::bench
