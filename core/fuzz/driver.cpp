// Runs a fuzz target without libFuzzer, for compilers that lack it, with the part of its command
// line that is used here:
//
//   target [-max_total_time=SECONDS] [-runs=N] [-seed=N] [-dict=FILE] [-timeout=SECONDS] PATH...
//
// Files alone are run as they are, once. With a folder, its files are the seeds of random changes,
// until the time is over or the runs are done. The input that crashes, or takes longer than
// -timeout (default 20 s), is left in the file crash-input. There is no feedback from coverage.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "fuzz.h"

// Weak: only some targets have the first two, and only sanitizers have the third.
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int*, char***);
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t*, size_t, size_t, unsigned);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace {

using dlf_fuzz::Bytes;

constexpr size_t kMaxSize = 1 << 16;

struct Settings {
  double seconds = 1e9;
  size_t runs = SIZE_MAX;
  uint64_t seed = 1;
  unsigned timeout = 20;
};

std::vector<Bytes> seeds, words;
std::mt19937_64 engine;
Bytes current;

size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(engine); }

uint8_t random_byte() {
  static const uint8_t edges[] = {0, 1, 0x7F, 0x80, 0xFF};
  return below(3) == 0 ? edges[below(5)] : static_cast<uint8_t>(below(256));
}

void save_current() {
  const int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && write(file, current.data(), current.size()) >= 0) close(file);
}

extern "C" void on_death(int signal) {
  save_current();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void watch_for_death() {
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(save_current);
  for (const int signal : {SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV}) {
    // A sanitizer reports SIGSEGV and the like itself, then calls back.
    if (__sanitizer_set_death_callback == nullptr || signal == SIGABRT || signal == SIGALRM) {
      std::signal(signal, on_death);
    }
  }
}

void run(const Bytes& input, unsigned timeout) {
  current = input;
  alarm(timeout);
  // A copy of exactly this size, so that a sanitizer sees a read past its end.
  const Bytes exact(current.begin(), current.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// Lines NAME="VALUE" with \xHH escapes.
void read_dictionary(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find('"'), last = line.rfind('"');
    if (line.empty() || line[0] == '#' || last <= first) continue;
    Bytes word;
    for (size_t i = first + 1; i < last; ++i) {
      if (line.compare(i, 2, "\\x") == 0 && i + 3 < last) {
        word.push_back(
            static_cast<uint8_t>(std::strtoul(line.substr(i + 2, 2).c_str(), nullptr, 16)));
        i += 3;
      } else {
        word.push_back(static_cast<uint8_t>(line[i]));
      }
    }
    words.push_back(word);
  }
}

void change(Bytes& input) {
  const size_t i = below(input.size() + 1);
  const auto at = [&](size_t k) { return input.begin() + static_cast<std::ptrdiff_t>(k); };
  const bool inside = i < input.size();
  switch (below(8)) {
    case 0:
      if (inside) input[i] ^= static_cast<uint8_t>(1u << below(8));
      break;
    case 1:
      if (inside) input[i] = random_byte();
      break;
    case 2:
      input.resize(i);
      break;
    case 3:
      if (inside) input.erase(at(i), at(i + 1 + below(input.size() - i)));
      break;
    case 4:
      input.insert(at(i), 1 + below(8), random_byte());
      break;
    case 5:
      if (!seeds.empty() && !seeds[0].empty()) {
        const Bytes& other = seeds[below(seeds.size())];
        input.resize(i);
        if (!other.empty()) {
          input.insert(input.end(), other.end() - static_cast<std::ptrdiff_t>(below(other.size())),
                       other.end());
        }
      }
      break;
    default:
      if (!words.empty()) {
        const Bytes& word = words[below(words.size())];
        if (below(2) == 0) {
          input.insert(at(i), word.begin(), word.end());
        } else {
          const size_t count = std::min(word.size(), input.size() - i);
          std::copy_n(word.begin(), count, at(i));
        }
      }
  }
}

Bytes next_input() {
  Bytes input;
  if (!seeds.empty() && below(50) != 0) {
    input = seeds[below(seeds.size())];
  } else {
    input.resize(below(300));
    for (uint8_t& byte : input) byte = random_byte();
  }
  for (size_t changes = below(3) + 1; changes > 0; --changes) {
    size_t size = input.size();
    input.resize(std::max(size, kMaxSize));
    size = LLVMFuzzerCustomMutator != nullptr
               ? LLVMFuzzerCustomMutator(input.data(), size, input.size(),
                                         static_cast<unsigned>(engine()))
               : LLVMFuzzerMutate(input.data(), size, input.size());
    input.resize(size);
  }
  return input;
}

bool set_option(const std::string& word, Settings& settings) {
  const size_t equal = word.find('=');
  const std::string name = word.substr(0, equal), value = word.substr(equal + 1);
  if (equal == std::string::npos) return false;
  if (name == "-max_total_time") {
    settings.seconds = std::atof(value.c_str());
  } else if (name == "-runs") {
    settings.runs = std::strtoull(value.c_str(), nullptr, 10);
  } else if (name == "-seed") {
    settings.seed = std::strtoull(value.c_str(), nullptr, 10);
  } else if (name == "-timeout") {
    settings.timeout = static_cast<unsigned>(std::atoi(value.c_str()));
  } else if (name == "-dict") {
    read_dictionary(value);
  } else {
    return false;
  }
  return true;
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  Bytes input(data, data + size);
  change(input);
  input.resize(std::min(input.size(), max_size));
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  Settings settings;
  bool has_folder = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word[0] == '-') {
      if (!set_option(word, settings)) {
        std::fprintf(stderr, "unknown option %s\n", argv[i]);
        return 2;
      }
    } else if (fs::is_directory(word)) {
      has_folder = true;
      std::vector<fs::path> files;
      for (const fs::directory_entry& entry : fs::directory_iterator(word)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
      std::sort(files.begin(), files.end());
      for (const fs::path& path : files) seeds.push_back(read_file(path));
    } else {
      seeds.push_back(read_file(word));
    }
  }
  engine.seed(settings.seed);
  watch_for_death();

  size_t runs = 0;
  for (const Bytes& seed : seeds) {
    run(seed, settings.timeout);
    ++runs;
  }
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (has_folder && runs < settings.runs && elapsed() < settings.seconds) {
    run(next_input(), settings.timeout);
    ++runs;
  }
  alarm(0);
  std::printf("Done %zu runs in %.0f second(s)\n", runs, elapsed());
  return 0;
}
