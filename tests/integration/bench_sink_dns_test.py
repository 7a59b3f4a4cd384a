"""The DNS server of `bench sink` as dnspython sees it: exchangers, addresses, and failures by script."""

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from support import place
from support.bench import BenchSink

pytestmark = pytest.mark.once

QUERIES = 300


@pytest.fixture
def sink(start):
    script = ["dns d001,d002: stall", "dns d003: truncate", "dns 10%: nxdomain", "dns mx1.example.test: delay 200ms",
              "dns d000-d499: servfail @0.3"]
    return start(BenchSink, *[word for rule in script for word in ("--script", rule)], "--ttl", "77", domains=1000)


def ask(sink, name, kind, over=dns.query.udp, timeout=20.0):
    host, _, port = sink.at["dns"].rpartition(":")
    return over(dns.message.make_query(name, kind), host, port=int(port), timeout=timeout * place.SLOWDOWN)


def records(answer):
    return [(rrset.ttl, [record.to_text().lower() for record in rrset]) for rrset in answer.answer]


def test_answers_and_failures(sink):
    assert records(ask(sink, "d500.example.test", "MX")) == [(77, ["10 mx0.example.test."])]
    assert records(ask(sink, "D999.Example.TEST", "MX")) == [(77, ["10 mx1.example.test."])]
    assert records(ask(sink, "mx0.example.test", "A")) == [(77, ["127.0.4.1"])]
    assert records(ask(sink, "mx1.example.test", "A")) == [(77, ["127.0.4.2"])]
    assert ask(sink, "mx0.example.test", "AAAA").authority[0].rdtype == dns.rdatatype.SOA
    assert ask(sink, "d1000.example.test", "MX").rcode() == dns.rcode.NXDOMAIN

    with pytest.raises(dns.exception.Timeout):
        ask(sink, "d001.example.test", "MX", timeout=0.3)
    assert ask(sink, "d099.example.test", "MX").rcode() == dns.rcode.NXDOMAIN
    assert ask(sink, "d500.example.test", "MX").rcode() == dns.rcode.NOERROR

    cut = ask(sink, "d003.example.test", "MX")
    assert cut.flags & dns.flags.TC and not cut.answer
    assert records(ask(sink, "d003.example.test", "MX", over=dns.query.tcp)) == [(77, ["10 mx1.example.test."])]

    failed = sum(ask(sink, "d499.example.test", "MX").rcode() == dns.rcode.SERVFAIL for _ in range(QUERIES))
    assert QUERIES * 0.15 < failed < QUERIES * 0.45  # 90 ± 8 are expected
    got = sink.stop()
    mx = got["dns"]["mx"]
    assert mx["servfail"] == failed and mx["truncated"] == 1 and mx["nxdomain"] == 2 and mx["unanswered"] >= 1
    assert got["dns"]["a"] == {"answered": 2} and got["dns"]["aaaa"] == {"no_data": 1}
    assert got["dns_queries"] == sum(sum(results.values()) for results in got["dns"].values())
