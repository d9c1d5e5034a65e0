-- What wrk measured, as one line of JSON. Times are microseconds. Loaded by the other scripts.
function done(summary, latency, _)
  local failed = summary.errors
  print(string.format(
    'RESULT {"requests":%d,"microseconds":%d,"bytes":%d,"p50":%.0f,"p99":%.0f,"failed":%d}',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
