// The engine for Python. Shapes are checked in engines/native.py; this file trusts them.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "engine.h"

namespace nb = nanobind;
using nb::literals::operator""_a;
using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using Pixels = nb::ndarray<const std::uint8_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Values = nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

namespace {

tinysight::Geometry geometry(int in_side, int out_side, int stride, int pad) { return {in_side, out_side, stride, pad}; }

}  // namespace

NB_MODULE(_native, m) {
  m.def("available", [] {
    std::vector<std::string> names;
    for (const char* name : tinysight::available_kernels()) names.emplace_back(name);
    return names;
  });
  nb::class_<tinysight::Engine>(m, "Engine")
      .def("__init__",
           [](tinysight::Engine* self, int resolution, int threads, Floats levels, const std::string& isa) {
             new (self) tinysight::Engine(tinysight::choose_kernels(isa.c_str()), resolution, threads, levels.data());
           },
           "resolution"_a, "threads"_a, "levels"_a, "isa"_a)
      .def("set_stem",
           [](tinysight::Engine& self, Floats kernel, Floats bias, int in_side, int out_side, int stride, int pad) {
             self.set_stem(kernel.data(), bias.data(), static_cast<int>(bias.size()),
                           geometry(in_side, out_side, stride, pad));
           })
      .def("add_block",
           [](tinysight::Engine& self, Floats depthwise, Floats depthwise_bias, Floats pointwise, Floats pointwise_bias,
              int in_side, int out_side, int stride, int pad) {
             self.add_block(depthwise.data(), depthwise_bias.data(), static_cast<int>(depthwise_bias.size()),
                            pointwise.data(), pointwise_bias.data(), static_cast<int>(pointwise_bias.size()),
                            geometry(in_side, out_side, stride, pad));
           })
      .def("set_head",
           [](tinysight::Engine& self, Floats kernel, Floats bias) {
             self.set_head(kernel.data(), bias.data(), static_cast<int>(bias.size()));
           })
      .def_prop_ro("isa", [](const tinysight::Engine& self) { return std::string(self.isa()); })
      .def_prop_ro("threads", &tinysight::Engine::threads)
      .def("run_pixels",
           [](tinysight::Engine& self, Pixels images, Output logits, Output features) {
             nb::gil_scoped_release release;
             self.run(images.data(), nullptr, static_cast<int>(images.shape(0)),
                      logits.size() == 0 ? nullptr : logits.data(), features.data());
           })
      .def("run_values", [](tinysight::Engine& self, Values images, Output logits, Output features) {
        nb::gil_scoped_release release;
        self.run(nullptr, images.data(), static_cast<int>(images.shape(0)),
                 logits.size() == 0 ? nullptr : logits.data(), features.data());
      });
}
