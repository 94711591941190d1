#pragma once
#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo take a variable argument list, which Swift cannot call: one plain function
// for each type of value. No logic.

typedef size_t (*skiff_curl_receive)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode skiff_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skiff_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skiff_curl_set_address(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skiff_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode skiff_curl_set_receive(CURL *handle, CURLoption option, skiff_curl_receive value) {
  return curl_easy_setopt(handle, option, value);
}

// libcurl copies the bytes.
static inline CURLcode skiff_curl_set_bytes(CURL *handle, CURLoption option, const void *bytes, size_t count) {
  struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
  return curl_easy_setopt(handle, option, &blob);
}

static inline CURLcode skiff_curl_get_number(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}

// The type of an info tells the type of its value: this is for those whose name ends with _T.
static inline CURLcode skiff_curl_get_time(CURL *handle, CURLINFO info, long *microseconds) {
  curl_off_t value = 0;
  CURLcode code = curl_easy_getinfo(handle, info, &value);
  *microseconds = (long)value;
  return code;
}

static inline CURLcode skiff_curl_get_address(CURL *handle, CURLINFO info, void **value) {
  return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode skiff_curl_multi_set_number(CURLM *handle, CURLMoption option, long value) {
  return curl_multi_setopt(handle, option, value);
}

// The result carried by a finished message (a union in C).
static inline CURLcode skiff_curl_message_result(const CURLMsg *message) {
  return message->data.result;
}
