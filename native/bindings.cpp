// The networks for Python, whose shapes are checked in engines/native.py, and the resize, which checks its own.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>

#include "network.h"

namespace nb = nanobind;
using nb::literals::operator""_a;
using namespace tinysight;

namespace {

constexpr std::size_t kLargestSide = 131072;  // preprocess.MAX_SIDE_PX

template <class T>
using Input = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using Picture = nb::ndarray<const std::uint8_t, nb::ndim<3>, nb::device::cpu>;
template <class T>
using Pictures = nb::ndarray<const T, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

// `multiplier` is empty in float32.
template <class W>
Numbers<W> numbers(const Input<W>& kernel, const Input<float>& multiplier, const Input<float>& addend) {
  return {kernel.data(), multiplier.size() == 0 ? nullptr : multiplier.data(), addend.data(),
          static_cast<int>(addend.size())};
}

Request request(int count, const Output& logits, const Output& features) {
  return {nullptr, nullptr, count, logits.size() == 0 ? nullptr : logits.data(),
          features.size() == 0 ? nullptr : features.data(), nullptr};
}

template <class P>
typename Network<P>::Options options(int resolution, int threads, int offset, float units_per_value, int highest,
                                     float pool_units) {
  constexpr int kLevels = 255 * P::Scale::kUnits;
  const int stem_highest = std::max(std::abs(offset), std::abs(offset + kLevels));
  return {resolution, threads, {offset, units_per_value}, highest, stem_highest, pool_units};
}

// What all precisions have in common.
template <class P>
nb::class_<Network<P>> bind(nb::module_& m, const char* name) {
  using N = Network<P>;
  using Small = Input<typename N::SmallWeight>;
  using Floats = Input<float>;
  nb::class_<N> c(m, name);
  c.def("set_stem", [](N& self, Small kernel, Floats multiplier, Floats addend, int in, int out, int stride, int pad) {
    nb::gil_scoped_release release;
    self.set_stem(numbers(kernel, multiplier, addend), {in, out, stride, pad});
  });
  c.def("add_block",
        [](N& self, Small depthwise, Floats depthwise_multiplier, Floats depthwise_addend,
           Input<typename P::Weight> pointwise, Floats multiplier, Floats addend, int in, int out, int stride, int pad) {
          nb::gil_scoped_release release;
          self.add_block(numbers(depthwise, depthwise_multiplier, depthwise_addend),
                         numbers(pointwise, multiplier, addend), {in, out, stride, pad});
        });
  c.def("set_head", [](N& self, Small kernel, Floats multiplier, Floats addend) {
    nb::gil_scoped_release release;
    self.set_head(numbers(kernel, multiplier, addend));
  });
  c.def("finish", [](N& self, Floats steps) { self.finish(steps.size() == 0 ? nullptr : steps.data()); });
  c.def_prop_ro("isa", [](const N& self) { return std::string(self.isa()); });
  c.def_prop_ro("threads", &N::threads);
  c.def("run_pixels", [](N& self, Pictures<std::uint8_t> images, Output logits, Output features) {
    nb::gil_scoped_release release;
    Request r = request(static_cast<int>(images.shape(0)), logits, features);
    r.pixels = images.data();
    self.run(r);
  });
  c.def("run_values", [](N& self, Pictures<float> images, Output logits, Output features) {
    nb::gil_scoped_release release;
    Request r = request(static_cast<int>(images.shape(0)), logits, features);
    r.values = images.data();
    self.run(r);
  });
  c.def("stage_nanoseconds", [](N& self, Pictures<std::uint8_t> images, Output logits) {
    std::vector<std::int64_t> stage_ns(kStages);
    nb::gil_scoped_release release;
    Request r = request(static_cast<int>(images.shape(0)), logits, logits);
    r.pixels = images.data();
    r.features = nullptr;
    r.stage_ns = stage_ns.data();
    self.run(r);
    return stage_ns;
  });
  return c;
}

template <class P>
void bind_integer(nb::module_& m, const char* name) {
  bind<P>(m, name).def(
      "__init__",
      [](Network<P>* self, int resolution, int threads, const std::string& isa, int offset, float units_per_value,
         int highest, float pool_units) {
        new (self) Network<P>(choose_kernels(isa.c_str()),
                              options<P>(resolution, threads, offset, units_per_value, highest, pool_units));
      },
      "resolution"_a, "threads"_a, "isa"_a, "offset"_a, "units_per_value"_a, "highest"_a, "pool_units"_a);
}

}  // namespace

NB_MODULE(_native, m) {
  nb::set_leak_warnings(false);  // an error that ends the program while engines are open is no leak
  m.def("available", [] {
    std::vector<std::string> names;
    for (const char* name : available_kernels()) names.emplace_back(name);
    return names;
  });
  m.def("resize", [](const Picture& picture, nb::ndarray<std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu> out,
                     const std::string& isa) {
    const auto packed = [](const auto& a) { return a.shape(2) == 3 && a.stride(2) == 1 && (a.shape(1) == 1 || a.stride(1) == 3); };
    const auto fits = [](std::size_t side) { return side >= 1 && side <= kLargestSide; };
    if (!packed(picture) || !packed(out) || !fits(picture.shape(0)) || !fits(picture.shape(1)) || !fits(out.shape(0)) ||
        !fits(out.shape(1))) {
      throw std::invalid_argument("pictures must be (height, width, 3), each row without gaps, with sides of 1 to 131072");
    }
    nb::gil_scoped_release release;
    const Image image{picture.data(), static_cast<std::ptrdiff_t>(picture.stride(0)),
                      static_cast<int>(picture.shape(0)), static_cast<int>(picture.shape(1))};
    resize(image, static_cast<int>(out.shape(0)), static_cast<int>(out.shape(1)), out.data(), choose_kernels(isa.empty() ? nullptr : isa.c_str()).resize);
  }, "picture"_a, "out"_a.noconvert(), "isa"_a = "");
  bind<Float32>(m, "Float32").def(
      "__init__",
      [](Network<Float32>* self, int resolution, int threads, const std::string& isa, float divisor, float low) {
        new (self) Network<Float32>(choose_kernels(isa.c_str()), {resolution, threads, {divisor, low}, 0, 0, 1.0f});
      },
      "resolution"_a, "threads"_a, "isa"_a, "divisor"_a, "low"_a);
  bind_integer<Int16>(m, "Int16");
  bind_integer<Int8>(m, "Int8");
}
