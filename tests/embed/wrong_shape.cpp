// A mistake ends in an exception whose message names what was wrong, and the program goes on.
#include <regrad/regrad.h>

#include <cstdio>
#include <string>

int main() {
  using namespace regrad;
  std::string message;
  try {
    matmul(zeros({10, 40}), zeros({30, 1}));
  } catch (const ShapeError& e) {
    message = e.what();
  }
  std::printf("%s\n", message.c_str());
  return message == "matmul: inner dimensions differ, [10,40] x [30,1]" &&
                 sum(ones({3})).item() == 3
             ? 0
             : 1;
}
