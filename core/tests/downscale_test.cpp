#include "codec/downscale.h"

#include <cmath>

#include "test.h"

using dlf::Region;

TEST(rectangles_are_widened) {
  const Region all = dlf::reduced_region({0, 0, 13, 8}, 4);
  CHECK_EQ(all.x + all.y, 0u);
  CHECK_EQ(all.width, 4u);
  CHECK_EQ(all.height, 2u);
  const Region part = dlf::reduced_region({7, 8, 2, 1}, 8);
  CHECK_EQ(part.x, 0u);
  CHECK_EQ(part.width, 2u);
  CHECK_EQ(part.y, 1u);
  CHECK_EQ(part.height, 1u);
  const Region same = dlf::reduced_region({3, 5, 7, 9}, 1);
  CHECK(same.x == 3 && same.y == 5 && same.width == 7 && same.height == 9);
}

TEST(boxes_are_averaged_after_clamping) {
  // Two planes of 2 x 4 samples.
  const std::vector<float> image = {0.0f, 0.2f, 9.0f, 1.0f,  0.4f,  0.6f, 1.0f, 2.0f,
                                    0.0f, 0.0f, NAN,  -4.0f, -1.0f, 1.0f, 1.0f, 1.0f};
  const std::vector<float> out = dlf::box_average(image, 4, 2);
  const std::vector<float> expected = {0.3f, 1.0f, 0.25f, 0.5f};
  CHECK_EQ(out.size(), expected.size());
  for (size_t i = 0; i < out.size(); ++i) CHECK(std::abs(out[i] - expected[i]) < 1e-6f);
}

TEST(samples_at_the_edge_stand_for_fewer) {
  const std::vector<uint8_t> plane = {10, 20, 31, 30, 40, 255};  // 3 x 2
  CHECK_EQ(dlf::box_sample(plane, 3, 2, 0, 0, 2), 25);
  CHECK_EQ(dlf::box_sample(plane, 3, 2, 1, 0, 2), 143);
  CHECK_EQ(dlf::box_sample(plane, 3, 2, 0, 0, 8), 64);  // 386 / 6 = 64.3
}
