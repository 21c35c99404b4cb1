// Sound files: every width, the broken ones, and what is done to samples.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "../engine/alloc_hook.h"
#include "../temp_folder.h"
#include "forge.h"

using namespace regrad;
using namespace regrad::test;

namespace {

Sound tones(int64_t channels, int64_t frames, int rate, double hz = 440) {
  std::vector<double> x;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < frames; ++i)
      x.push_back(0.5 / static_cast<double>(c + 1) *
                  std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate));
  return {tensor(x, {channels, frames}), rate};
}
double furthest(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return max(abs(a - b)).item();
}
std::string refused(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { parse_sound(bytes, "f"); }, "f: " + words);
}
std::string with(std::string bytes, size_t at, const std::string& new_bytes) {
  return bytes.replace(at, new_bytes.size(), new_bytes);
}
double rms(const Tensor& x) { return std::sqrt(mean(x * x).item()); }

}  // namespace

TEST_CASE("wav: every width comes back within half a step, channels apart, 5.1 too") {
  for (const int bits : {8, 16, 24, 32}) {
    for (const int64_t channels : {1, 2, 6}) {
      CAPTURE(bits);
      const Sound s = tones(channels, 1000, 44100), back = parse_sound(to_wav(s, bits));
      CHECK(back.rate == 44100);
      CHECK(back.channels() == channels);
      CHECK(back.frames() == 1000);
      CHECK(furthest(back.samples, s.samples) <=
            (bits == 32 ? 0 : 0.50001 * std::ldexp(1.0, 1 - bits)));
    }
  }
  const Sound edges{tensor({-2, -1, 1, 0}).reshape({1, 4}), 8000};
  CHECK(parse_sound(to_wav(edges, 16)).samples.to_vector() ==
        std::vector<double>{-1, -1, 32767.0 / 32768, 0});
  CHECK(parse_sound(to_wav(edges, 32)).samples.to_vector() == std::vector<double>{-2, -1, 1, 0});
  CHECK(complaint<ConfigError>([&] { to_wav(edges, 12); }, "not 12") == "");
  CHECK(complaint<NumericError>(
            [] {
              to_wav({full({1, 1}, std::nan("")), 8000});
            },
            "not a number") == "");
}

TEST_CASE("wav: from a file, with other chunks around, and of unknown length") {
  const TempFolder folder;
  const Sound s = tones(1, 100, 8000);
  const std::string good = to_wav(s);
  write_file(folder / "a.wav", good);
  CHECK(furthest(read_sound(folder / "a.wav").samples, parse_sound(good).samples) == 0);
  CHECK(complaint<IOError>([&] { read_sound(folder / "none.wav"); }, "none.wav") == "");
  CHECK(complaint<IOError>([&] { read_sound(folder.name()); }, folder.name()) == "");
  const std::string listed =
      good.substr(0, 36) + "LIST" + le(3, 4) + "abc" + std::string(1, '\0') + good.substr(36);
  CHECK(furthest(parse_sound(listed).samples, parse_sound(good).samples) == 0);
  CHECK(parse_sound(with(good, 40, le(0xffffffff, 4))).frames() == 100);
}

TEST_CASE("broken audio: the right answer or an IOError naming file and reason") {
  const std::string good = to_wav(tones(1, 500, 8000));
  CHECK(refused(good.substr(0, 500),
                "byte 40: the WAV's data claim 1000 bytes, and 456 are left: cut") == "");
  CHECK(refused(with(good, 22, le(0, 2)), "byte 22: the WAV has 0 channels") == "");
  CHECK(refused(with(good, 24, le(0, 4)), "byte 24: the WAV's rate is 0 Hz") == "");
  CHECK(refused(with(good, 24, le(0xf0000000, 4)), "") == "");
  CHECK(refused(with(good, 22, le(1000, 2)), "") == "");
  const Sound floats{tensor({0.5, std::numeric_limits<double>::quiet_NaN(), 0}).reshape({1, 3}),
                     8000};
  CHECK(refused(to_wav(floats, 32), "frame 1: a sample is not a finite number") == "");
  const Sound endless{tensor({0.5, 0, std::numeric_limits<double>::infinity()}).reshape({1, 3}),
                      8000};
  CHECK(refused(to_wav(endless, 32), "frame 2: a sample is not a finite number") == "");
  const Sound one{tensor({0.25}).reshape({1, 1}), 8000};
  CHECK(parse_sound(to_wav(one)).samples.to_vector() == std::vector<double>{0.25});
  // A header of 1 GB on a file of 1 kB, data or another chunk; and nothing is allocated by it.
  CHECK(peak_of([&] {
          CHECK(refused(with(good, 40, le(1 << 30, 4)),
                        "byte 40: the WAV's data claim 1073741824 bytes, and 1000 are left") == "");
        }) < 20000);
  CHECK(refused(with(good, 16, le(1 << 30, 4)),
                "byte 16: a WAV chunk goes on after the file's end") == "");
  CHECK(refused("", "byte 0: an empty file") == "");
  CHECK(refused("ID3 some mp3", "byte 0: is no WAV, FLAC or OGG file") == "");
  CHECK(refused(good.substr(0, 44), "byte 40: the WAV's data claim") == "");
  CHECK(refused(with(good.substr(0, 44), 40, le(0, 4)), "holds no samples") == "");
  CHECK(refused(good.substr(0, 12) + good.substr(36),
                "byte 12: the WAV's data come before their format") == "");
  CHECK(refused(good.substr(0, 36), "byte 36: the WAV ends before its data") == "");
  CHECK(refused(with(good, 34, le(99, 2)), "") == "");
  CHECK(refused(with(good, 20, le(0x7777, 2)), "") == "");
  for (size_t n = 0; n < good.size(); n += n < 60 ? 1 : 97) {
    CAPTURE(n);
    CHECK(refused(good.substr(0, n), "") == "");
  }
}

TEST_CASE("flac and ogg: pages and frames that are cut") {
  CHECK(refused("fLaC", "") == "");
  CHECK(refused("fLaC" + std::string(40, '\1'), "") == "");
  CHECK(refused("OggS", "byte 0: an OGG page is cut") == "");
  CHECK(refused(std::string("OggS\0\4", 6) + std::string(20, '\0') + "\1\x05" + "abc",
                "byte 0: an OGG page goes on after the file's end") == "");
  const auto page = [](int flags, const std::string& body) {
    std::string p = std::string("OggS\0", 5) + static_cast<char>(flags) + std::string(20, '\0') +
                    "\1" + static_cast<char>(body.size()) + body;
    uint32_t crc = 0;  // of RFC 3533
    for (const char c : p) {
      crc ^= static_cast<uint32_t>(static_cast<unsigned char>(c)) << 24;
      for (int k = 0; k < 8; ++k) crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
    }
    return p.replace(22, 4, le(crc, 4));
  };
  CHECK(refused(with(page(4, "abc"), 29, "x"), "byte 0: an OGG page's checksum differs") == "");
  CHECK(refused(page(2, "abc"), "byte 31: the OGG file ends without a last page") == "");
  CHECK(refused(page(4, "abc"), "") == "");  // libsndfile's words: it holds no Vorbis
  CHECK(refused(page(4, "abc") + "x", "byte 31: an OGG page is cut") == "");
  CHECK(refused(page(4, "abc") + std::string(30, 'x'),
                "byte 31: no OGG page where one should begin") == "");
}

TEST_CASE("sounds of other writers: every format of the corpus") {
  // 0.4 sin(0.2 i), 300 frames, written by python-soundfile.
  const auto read = [](const std::string& file) {
    return read_sound(std::string(REGRAD_SOUND_CORPUS) + "/" + file);
  };
  const Sound plain = read("wav-16");
  CHECK(plain.frames() == 300);
  CHECK(plain.samples.to_vector()[5] == doctest::Approx(0.4 * std::sin(1.0)).epsilon(1e-3));
  for (const char* file :
       {"flac-mono", "wav-pcm_24", "wav-pcm_32", "wav-float", "wav-double", "wav-endless"})
    CHECK(furthest(read(file).samples, plain.samples) < 5e-5);
  for (const char* file : {"wav-pcm_u8", "wav-ulaw", "wav-alaw", "ogg-vorbis"})
    CHECK(furthest(read(file).samples, plain.samples) < 0.04);
  const Sound stereo = read("flac-stereo-24"), six = read("wavex-5.1");
  CHECK(stereo.rate == 44100);
  CHECK(furthest(stereo.samples[0] * -0.5, stereo.samples[1]) < 1e-6);
  CHECK(six.channels() == 6);
  CHECK(six.rate == 48000);
  CHECK(six.frames() == 40);
  CHECK(read("ogg-opus").frames() == 300);
  for (const char* file :
       {"wav-cut", "flac-cut", "ogg-cut", "wav-0-channels", "wav-0-hz", "wav-1-gb"}) {
    CAPTURE(file);
    CHECK(complaint<IOError>([&] { read(file); }, std::string("corpus/sound/") + file + ": ") ==
          "");
  }
}

TEST_CASE("files of several sounds: all of them, or an error") {
  const auto bytes = [](const std::string& file) {
    return read_file(std::string(REGRAD_SOUND_CORPUS) + "/" + file);
  };
  const auto joined = [](const std::vector<std::string>& files) {
    std::vector<double> out;
    for (const std::string& file : files) {
      const std::vector<double> one = parse_sound(file).samples.to_vector();
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  };
  const std::string other = to_wav(tones(1, 41, parse_sound(bytes("wav-16")).rate), 16),
                    odd = to_wav({full({1, 3}, 0.5), 8000}, 8);
  for (const std::vector<std::string>& files :
       {std::vector<std::string>{bytes("ogg-vorbis"), bytes("ogg-vorbis")},
        {bytes("ogg-opus"), bytes("ogg-opus"), bytes("ogg-opus")},
        {bytes("flac-mono"), bytes("flac-mono")},
        {bytes("wav-16"), other, bytes("wav-16")},
        {odd, odd}}) {
    std::string all;
    for (const std::string& file : files) all += file;
    const Sound s = parse_sound(all);
    CHECK(s.samples.to_vector() == joined(files));
  }
  const std::string first = to_wav(tones(1, 10, 8000)),
                    behind = "f: byte " + std::to_string(first.size()) + ": ";
  for (const Sound& second : {tones(2, 10, 8000), tones(1, 10, 16000)})
    CHECK(complaint<IOError>([&] { parse_sound(first + to_wav(second), "f"); },
                             behind + "another sound begins, of ") == "");
  CHECK(complaint<IOError>(
            [&] { parse_sound(first + to_wav(tones(1, 10, 8000)).substr(0, 60), "f"); },
            "20 bytes, and 16 are left: cut") == "");
  // An OGG whose stream has no last page before the next begins, and two streams side by side.
  const std::string ogg = bytes("ogg-vorbis");
  const size_t last = ogg.rfind("OggS");
  CHECK(refused(ogg.substr(0, last) + ogg,
                "byte " + std::to_string(last) +
                    ": another OGG begins where the first has no last page: cut") == "");
  const size_t second = ogg.find("OggS", 4);
  const auto numbered = [](std::string page) {  // of another stream, its checksum counted anew
    page.replace(14, 4, "\1\2\3\4").replace(22, 4, 4, '\0');
    uint32_t crc = 0;
    for (const char c : page) {
      crc ^= static_cast<uint32_t>(static_cast<unsigned char>(c)) << 24;
      for (int k = 0; k < 8; ++k) crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
    }
    return page.replace(22, 4, le(crc, 4));
  };
  CHECK(refused(ogg.substr(0, second) + numbered(ogg.substr(0, second)) + ogg.substr(second),
                "byte " + std::to_string(second) + ": the OGG holds two streams side by side") ==
        "");
}

TEST_CASE("wav: of writers that could not seek back, RF64, and sizes that lose samples") {
  const Sound s = tones(2, 100, 8000);
  const std::string good = to_wav(s);  // 400 bytes of data
  const std::vector<double> wanted = parse_sound(good).samples.to_vector();
  for (const uint32_t size :
       {0u, 0x7ffff000u, 0x7fffffffu, 0x80000000u, 0xfffff000u, 0xffffffffu}) {
    CAPTURE(size);
    const std::string streamed = with(with(good, 40, le(size, 4)), 4, le(size ? size + 36 : 0, 4));
    CHECK(parse_sound(streamed).samples.to_vector() == wanted);
    // whoever wrote it was stopped within a frame
    const Sound cut = parse_sound(streamed.substr(0, streamed.size() - 3));
    CHECK(cut.frames() == 99);
  }
  const std::string nothing = with(good.substr(0, 44), 40, le(0, 4)) + "LIST" + le(4, 4) + "INFO";
  CHECK(refused(nothing, "holds no samples") == "");
  CHECK(refused(with(good, 40, le(0x70000000, 4)),
                "byte 40: the WAV's data claim 1879048192 bytes, and 400 are left: cut") == "");
  // RF64: the size is in ds64.
  const std::string ds64 =
      "ds64" + le(28, 4) + le(good.size() + 28, 8) + le(400, 8) + le(100, 8) + le(0, 4);
  const std::string rf64 =
      "RF64" + le(0xffffffff, 4) + "WAVE" + ds64 + with(good, 40, le(0xffffffff, 4)).substr(12);
  CHECK(parse_sound(rf64).samples.to_vector() == wanted);
  CHECK(parse_sound(rf64 + "LIST" + le(4, 4) + "INFO").samples.to_vector() == wanted);
  CHECK(refused(rf64.substr(0, rf64.size() - 4),
                "byte 76: the WAV's data claim 400 bytes, and 396 are left: cut") == "");
  // What follows the data: chunks and tags, or samples that the size leaves out.
  for (const std::string& tail :
       {"LIST" + le(4, 4) + "INFO", "LIST" + le(400, 4) + "INFO", std::string(20, '\0'),
        "TAG" + std::string(125, ' '), std::string("abc")})
    CHECK(parse_sound(good + tail).samples.to_vector() == wanted);
  CHECK(refused(with(good, 40, le(200, 4)),
                "byte 244: the WAV goes on behind its data with what is no chunk: its sizes are "
                "wrong; `sox --ignore-length in.wav out.wav` mends them") == "");
  CHECK(refused(good + "data" + le(4, 4) + "abcd", "byte 444: the WAV has data twice") == "");
  CHECK(refused(with(good, 40, le(398, 4)).substr(0, 442),
                "byte 40: the WAV's data are 398 bytes, and a frame has 4: cut within a frame") ==
        "");
}

TEST_CASE("sounds behind an ID3 tag, and errors of other formats name the cure") {
  const auto bytes = [](const std::string& file) {
    return read_file(std::string(REGRAD_SOUND_CORPUS) + "/" + file);
  };
  const auto tag = [](size_t n, bool footer = false) {
    return std::string("ID3\4\0", 5) + static_cast<char>(footer ? 16 : 0) +
           std::string{0, 0, static_cast<char>(n >> 7), static_cast<char>(n & 127)} +
           std::string(n, 'x') + (footer ? std::string("3DI\4\0\x10\0\0\0\0", 10) : "");
  };
  for (const char* file : {"flac-mono", "flac-stereo-24", "wav-16", "ogg-vorbis"}) {
    const std::vector<double> wanted =
        read_sound(std::string(REGRAD_SOUND_CORPUS) + "/" + file).samples.to_vector();
    CHECK(parse_sound(tag(300) + bytes(file)).samples.to_vector() == wanted);
    CHECK(parse_sound(tag(5, true) + tag(0) + bytes(file)).samples.to_vector() == wanted);
  }
  CHECK(refused(tag(20) + "\xff\xfb",
                "byte 0: is no WAV, FLAC or OGG file but seems to be an MP3; `sox in out.wav` or "
                "`ffmpeg") == "");
  for (const auto& [start, name] : {std::pair<std::string, std::string>{"\xff\xfb\x90", "an MP3"},
                                    {"RIFX", "a big-endian WAV"},
                                    {"riff\x2e", "a Wave64"},
                                    {"BW64", "a BW64"},
                                    {"FORM", "an AIFF"},
                                    {"caff", "a CAF"},
                                    {".snd", "an AU"},
                                    {"\1\1\1\1ftypM4A", "an MP4"}})
    CHECK(refused(start + "........", "byte 0: is no WAV, FLAC or OGG file but seems to be " +
                                          name + "; `sox in out.wav`") == "");
  // 300 frames; the length is 36 bits behind four others of byte 21
  const std::string flac = bytes("flac-mono");
  const std::vector<double> wanted = parse_sound(flac).samples.to_vector();
  const auto claims = [&](uint64_t frames) {
    return with(flac, 21,
                static_cast<char>(flac[21] & 0xf0) + std::string(1, '\0') + be(frames, 3));
  };
  CHECK(parse_sound(claims(0)).samples.to_vector() == wanted);  // a writer that could not seek back
  CHECK(refused(claims(200), "holds 300 frames, and its header has 200") == "");
  CHECK(refused(claims(301), "ends after 300 of 301 frames: cut") == "");
  CHECK(parse_sound(flac + "TAG" + std::string(125, ' ')).samples.to_vector() == wanted);
  CHECK(refused(with(flac, 5, "\xff"),
                "byte 4: a block of the FLAC's metadata goes on after the file's end: cut") == "");
}

TEST_CASE("mono, level, length") {
  const Sound s{tensor({1, 0, 3, 1}).reshape({2, 2}), 8000};
  CHECK(mono(s).samples.to_vector() == std::vector<double>{2, 0.5});
  const Tensor x = normal(Random(1), {3, 500}, 0, 2), level = normalize_rms(x, 0.1);
  for (int64_t i = 0; i < 3; ++i) CHECK(rms(level[i]) == doctest::Approx(0.1).epsilon(1e-6));
  CHECK(normalize_rms(zeros({4})).to_vector() == std::vector<double>(4, 0));
  CHECK(tile(tensor({1, 2, 3}), 7).to_vector() == std::vector<double>{1, 2, 3, 1, 2, 3, 1});
  CHECK(tile(tensor({1, 2, 3, 4}).reshape({2, 2}), 1).to_vector() == std::vector<double>{1, 3});
  CHECK(complaint<ConfigError>([&] { normalize_rms(x, 0); }, "above 0") == "");
  CHECK(complaint<ShapeError>([&] { tile(x, 0); }, "0 frames") == "");
  CHECK(complaint<ShapeError>([&] { tile(zeros({2, 0}), 5); }, "no samples") == "");
  CHECK(complaint<DTypeError>([&] { tile(zeros({2}, DType::f64), 5); }, "not f64") == "");
  CHECK(complaint<ShapeError>([&] { mono({}); }, "[channels, frames]") == "");
}

TEST_CASE("resampling: lengths, tones that stay, tones that must go, the same bits") {
  for (const int rate : {8000, 16000, 22050, 48000}) {
    CAPTURE(rate);
    const Sound low = resample(tones(2, 44100, 44100, 440), rate);
    CHECK(low.frames() == rate);
    CHECK(low.rate == rate);
    const Tensor middle = slice(low.samples, 1, 1000, rate - 1000),
                 wanted = slice(tones(2, rate, rate, 440).samples, 1, 1000, rate - 1000);
    CHECK(furthest(middle, wanted) < 2e-3);
  }
  // 10 kHz does not exist at 16 kHz: it must not come back as 6 kHz.
  const Sound high = resample(tones(1, 44100, 44100, 10000), 16000);
  CHECK(rms(slice(high.samples, 1, 1000, 15000)) < 1e-4);
  CHECK(resample(tones(1, 1001, 44100), 16000).frames() == (1001 * 16000 + 44099) / 44100);
  const Sound s = tones(1, 5000, 44100, 700);
  CHECK(resample(s, 16000).samples.to_vector<float>() ==
        resample(s, 16000).samples.to_vector<float>());
  CHECK(furthest(resample(s, 44100).samples, s.samples) == 0);
  CHECK(complaint<ConfigError>([&] { resample(s, 0); }, "from 44100 to 0 Hz") == "");
  CHECK(complaint<ConfigError>([&] { resample(s, 100); }, "within 256 times") == "");
}
