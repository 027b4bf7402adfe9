-- What wrk sends: one event as JSON.
wrk.method = "POST"
wrk.body = '{"instances":[{"features":["user_1","198.51.100.7"]}]}'
wrk.headers["Content-Type"] = "application/json"
