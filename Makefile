# The everyday commands; `make help` lists them. All real work is done by CMake, ctest, pytest and the scripts named here.

ARGS   ?=
SECONDS ?= 60
CMAKE   = cmake -S . -G Ninja

.DEFAULT_GOAL := help
.PHONY: help deps deps-all deps-bench build build-asan build-tsan build-clang build-fuzz run test test-all sim fuzz bench format clean

help:
	@echo "make build      the program, release: build/angarium"
	@echo "make run        a relay, a DNS server and a sink on loopback, with mail flowing; ARGS=--once ends after the summary"
	@echo "make test       unit and integration tests and simulated stories, release and with ASan+UBSan; a minute of fuzzing"
	@echo "make test-all   the same, and with TSan and as built by clang 19"
	@echo "make sim        stories of the simulated relay, other ones each time; SECONDS=600 for how long"
	@echo "make fuzz       libFuzzer on what reads foreign bytes; SECONDS=60 are shared by its targets"
	@echo "make bench      micro-benchmarks and the comparison with other relays; ARGS=--help lists what can be chosen"
	@echo "make deps       install what building and testing need (called by the others; a no-op when all is there)"
	@echo "make format     clang-format on every C++ file"
	@echo "make clean      remove build/, except what was unpacked into build/peers and build/relays"
	@echo
	@echo "one test:       build/tests/unit/<folder>/unit_<folder> --gtest_filter=...   tests/run -k kill9"

deps:
	@tests/support/deps
deps-all:
	@tests/support/deps all
deps-bench:
	@tests/support/deps bench

build: deps
	@[ -e build/build.ninja ] || $(CMAKE) -B build -DCMAKE_BUILD_TYPE=Release
	@cmake --build build

build-asan: deps
	@[ -e build/asan/build.ninja ] || $(CMAKE) -B build/asan -DCMAKE_BUILD_TYPE=Debug -DANGARIUM_SANITIZE=address
	@cmake --build build/asan

build-tsan: deps
	@[ -e build/tsan/build.ninja ] || $(CMAKE) -B build/tsan -DCMAKE_BUILD_TYPE=Debug -DANGARIUM_SANITIZE=thread
	@cmake --build build/tsan

build-clang: deps-all
	@[ -e build/clang/build.ninja ] || \
	    $(CMAKE) -B build/clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19
	@cmake --build build/clang

build-fuzz: deps-all
	@[ -e build/fuzz/build.ninja ] || $(CMAKE) -B build/fuzz -DCMAKE_BUILD_TYPE=Debug -DANGARIUM_FUZZ=ON \
	    -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19
	@cmake --build build/fuzz --target fuzz

run: build
	@bench/demo $(ARGS)

test: deps-all
	@$(MAKE) --no-print-directory build
	@tests/support/run-tests build
	@$(MAKE) --no-print-directory build-asan
	@tests/support/run-tests build/asan
	@$(MAKE) --no-print-directory fuzz

test-all: test
	@$(MAKE) --no-print-directory build-tsan
	@tests/support/run-tests build/tsan
	@$(MAKE) --no-print-directory build-clang
	@tests/support/run-tests build/clang

sim: build
	@build/angarium-sim --seconds $(SECONDS) --first $$(date +%s)000

fuzz: build-fuzz
	@tests/fuzz/run $(SECONDS)

bench: build deps-bench
	@cmake build >/dev/null && cmake --build build --target micro
	@bench/run $(ARGS)

format: deps-all
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i
	@git status --short -- '*.cpp' '*.hpp'

clean:
	@[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name peers ! -name relays -exec rm -rf {} +
