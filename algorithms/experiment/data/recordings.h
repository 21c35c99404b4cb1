// Clips as several devices have recorded them, as spectrograms: training clips by one seen device
// each, validation clips by the seen ones, test clips by all of them (audio.md section 3).
#pragma once

#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/datasets/audio/devices.h>

#include <functional>

namespace regrad::experiment {

struct Recordings {
  Tensor train_x, train_y, train_device;  // f32 [n,1,mels,frames], i64 [n], i64 [n] in [0, seen)
  // what the source recorded of training clips that another device has, f32 [p,1,mels,frames];
  // their places among the training clips, i64 [p]. Undefined where there are none
  Tensor pair_x, pair_of;
  // By seen device, as the test's: for the learning curve and for choices. Nothing that is chosen
  // by them has met an unseen device. Empty where no clips are held for it.
  std::vector<Tensor> validation_x, validation_y;
  std::vector<Tensor> test_x, test_y;  // by device
  // By device, of each test clip: clips of one number are of one moment (or cut from one
  // recording), and are no two pieces of evidence. Numbers are the data set's, whatever the fold.
  std::vector<std::vector<int64_t>> test_group;
  // the test clips of all devices are the same, in one order
  bool paired = true;
  std::vector<std::string> devices;  // the seen ones first, of these the source first
  int64_t seen = 0;
  std::vector<std::string> classes;
  FrontEnd front;

  int64_t clips() const { return train_x.size(0); }
  int64_t class_count() const { return static_cast<int64_t>(classes.size()); }
};

// The training clips at these places [n], what they are and who recorded them.
struct RecordedBatch {
  Tensor x, y, device;  // f32 [n,1,mels,frames], i64 [n], i64 [n]
};
// Those at places position * batch on of `order` i64 [clips].
RecordedBatch batch_of(const Recordings& data, const Tensor& order, int64_t position,
                       int64_t batch);
// Spectrograms turned in time by up to so many seconds, each by its own number (time_roll).
Tensor rolled(const Tensor& x, const LogMel& mel, double seconds, const Random& r);

// A device as what it makes of a clip.
struct Recorder {
  std::string name;
  bool seen;
  std::function<Tensor(const Tensor&)> record;  // f32 [n, samples] -> the same
};
// kind "simulated": the nine of audio.md section 3. "microphones": a flat one and MicIRP's, 22
// seen and 11 unseen. "sd0", "sd4", "sd8", ..: a flat one, 5 seen and 3 unseen with random curves
// of so many dB, drawn from r. "none": the clips as they are, one device, that training has.
// IOError where the microphones are not in the folder; ConfigError for another kind.
std::vector<Recorder> recorders(const std::string& kind, const std::string& folder, int rate,
                                const Random& r);

struct RecordOptions {
  // share of the training clips that the first recorder has; the other seen ones share the rest in
  // turn
  double source = 0.85;
  // dB relative to full scale of white noise after the device, below 0; 0: none
  double noise = 0;
};
// Which training clip is whose is decided by a random order of the clips; validation and test clips
// are recorded by every device, paired. ConfigError: source
// outside [0, 1], noise above 0.
Recordings record(const Clips& clips, const FrontEnd& front, const std::vector<Recorder>& recorders,
                  const RecordOptions& options, const Random& r);

struct TauUse {
  std::string task = "tau";  // or tau2022
  // the whole set or nothing: else what is there of it, whatever is missing
  bool partial = false;
  double held = 0.1;  // of each scene's locations, for validation (parts_for)
};
// TAU's own recordings, all in memory: of the training part about 90 kB a clip with 64 bands, 340
// kB with 256. Pairs are the clips that device a recorded at the same place and time;
// a test clip's group is the recording of ten seconds, also where it is cut into seconds. IOError
// as load_tau, and, unless `partial`, where clips are missing (check_whole_tau).
Recordings tau_recordings(const std::string& folder, const FrontEnd& front, const TauUse& use = {});

}  // namespace regrad::experiment
