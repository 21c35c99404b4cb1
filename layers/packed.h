// Texts without their padding: the tokens of a batch [N,L] one text after the other. What is not
// there costs nothing, and can change nothing: nets that work row by row (linear_rows) and text by
// text (segment_attention) on packed tokens give each text the same bits alone, under any padding
// and in any company.
//
//   const Packed texts = pack(ids, 0);                   // i64 [N,L], 0 is padding
//   Tensor x = words(texts.ids);                         // [M,D], M tokens in all
//   Tensor y = segment_attention(qkv, texts.segment, heads);
//   Tensor padded = unpack(y, texts);                    // [N, longest, D], zeros behind each text
#pragma once

#include <vector>

#include <regrad/engine/functional.h>

namespace regrad {

struct Packed {
  Tensor ids;                        // i64 [M]
  Tensor segment;                    // i64 [M]: the token's text, ascending
  Tensor column;                     // i64 [M]: where it stood in [0, L)
  Tensor place;                      // i64 [M]: the how-manieth of its text's tokens it is, from 0
  std::vector<int64_t> start = {0};  // text n has rows start[n] .. start[n + 1]; may be none

  int64_t texts() const { return static_cast<int64_t>(start.size()) - 1; }
  int64_t length(int64_t n) const {
    return start[static_cast<size_t>(n) + 1] - start[static_cast<size_t>(n)];
  }
  int64_t longest() const;
};

// ids i64 [N,L]: whatever is not `pad` is a token, wherever it stands; or whatever mask (b8, u8 or
// i64 [N,L]) has not 0. ShapeError, DTypeError where they are not that.
Packed pack(const Tensor& ids, int64_t pad);
Packed pack(const Tensor& ids, const Tensor& mask);
// Of given lengths, i64 [N] in [0, longest]: ids are zeros.
Packed packed_lengths(const std::vector<int64_t>& lengths);

// x [M,..] -> [N, longest, ..] with zeros behind each text; and [N,L,..] -> [M,..], the rows that
// are tokens (L at least as many columns as there were).
Tensor unpack(const Tensor& x, const Packed& texts);
Tensor pack_rows(const Tensor& x, const Packed& texts);
// Each text's first row: i64 [N]. ShapeError: a text without tokens.
Tensor first_rows(const Packed& texts);

}  // namespace regrad
