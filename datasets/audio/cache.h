// Log-mel spectrograms kept on disk, found again by content.
//
//   const LogMelCache cache("cache", front);      // or "": nothing is kept
//   Tensor s = cache(x);                          // as log_mel(x, front), bit for bit
//
// A file's name is the SHA-1 of every setting of the front end, the shape and the samples' bytes:
// another setting, or one other sample, is another file. It holds the spectrogram as safetensors
// with a SHA-1 of its bytes; one that is damaged, of another shape or unreadable is made anew.
// Files are written beside their place and renamed, so several processes may share a folder.
#pragma once

#include <regrad/datasets/audio/mel.h>

namespace regrad {

class LogMelCache {
 public:
  // Makes the folder where it is not there: DiskError where that fails.
  LogMelCache(std::string folder, LogMel front);
  // x f32 [n] or [N, n]. DiskError where the spectrogram cannot be written.
  Tensor operator()(const Tensor& x) const;
  // Where x's spectrogram is, or would be; empty without a folder.
  std::string path_of(const Tensor& x) const;
  const LogMel& front() const { return front_; }

 private:
  std::string folder_;
  LogMel front_;
};

}  // namespace regrad
