// Memory whose blocks begin at cache lines; zero when made.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace tinysight {

template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t count = 0) : count_(count) {
    if (count == 0) return;
    const std::size_t bytes = (count * sizeof(T) + kLine - 1) / kLine * kLine;
    void* memory = std::aligned_alloc(kLine, bytes);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0, bytes);
    data_.reset(static_cast<T*>(memory));
  }
  T* data() const { return data_.get(); }
  std::size_t size() const { return count_; }

 private:
  static constexpr std::size_t kLine = 64;
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::size_t count_;
  std::unique_ptr<T, Free> data_;
};

}  // namespace tinysight
