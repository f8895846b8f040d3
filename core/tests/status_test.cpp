#include "base/status.h"

#include "api/c_api_common.h"
#include "test.h"

using dlf::one_line;

TEST(error_texts_are_one_line_of_utf8) {
  CHECK_EQ(one_line("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x99\x82"),
           std::string("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x99\x82"));
  CHECK_EQ(one_line("a\nb\r\tc"), std::string("a b  c"));
  CHECK_EQ(one_line("\x1b[1m\x7f"), std::string("\\x1b[1m\\x7f"));
  CHECK_EQ(one_line(std::string("a\0b", 3)), std::string("a\\x00b"));
  CHECK_EQ(one_line("\xC2\x85"), std::string("\\xc2\\x85"));  // a line break of C1
  // Cut, overlong, a surrogate, beyond the last character, no first byte.
  CHECK_EQ(one_line("\xE2\x82"), std::string("\\xe2\\x82"));
  CHECK_EQ(one_line("\xC0\xAF"), std::string("\\xc0\\xaf"));
  CHECK_EQ(one_line("\xE0\x80\x80"), std::string("\\xe0\\x80\\x80"));
  CHECK_EQ(one_line("\xED\xA0\x80"), std::string("\\xed\\xa0\\x80"));
  CHECK_EQ(one_line("\xF4\x90\x80\x80"), std::string("\\xf4\\x90\\x80\\x80"));
  CHECK_EQ(one_line("\x80"), std::string("\\x80"));
  CHECK_EQ(std::string(dlf::Error(DLF_MODEL_ERROR, "a\nb").what()), std::string("a b"));
}

TEST(a_text_that_is_too_long_for_the_caller_is_cut_between_characters) {
  dlf_error error;
  for (size_t room = 1; room < 12; ++room) {
    DLF_INIT(&error);
    error.struct_size = offsetof(dlf_error, message) + room;
    dlf::c_api::write_error(&error, DLF_INVALID_FILE, 0, "ab\xE2\x82\xAC\xC3\xA9z");
    const std::string text = error.message;
    CHECK(text.size() < room);
    CHECK_EQ(one_line(text), text);
  }
}
