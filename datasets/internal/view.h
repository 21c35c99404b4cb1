// One image's views, by pointers: what image_views() and the loader's own thread share. Internal to
// them.
#pragma once

#include <regrad/datasets/views.h>

namespace regrad::detail {

// ConfigError as random_view; ShapeError where channels are neither 1 nor 3. what: the caller.
void check_views(const char* what, const std::vector<ViewRecipe>& recipes, int64_t channels);
// A view's height and width.
inline int64_t side(const ViewRecipe& recipe, int64_t of_image) {
  return recipe.size > 0 ? recipe.size : of_image;
}
// image: f32, channels x height x width; to: channels x side x side.
void write_view(const ViewRecipe& recipe, const Random& r, const float* image, int64_t channels,
                int64_t height, int64_t width, float* to);

}  // namespace regrad::detail
