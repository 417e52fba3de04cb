-- wrk's load: requests in turn with each token of a file, one a line; without
-- a file requests without a token.  Prints one line for t/bench/run to read.

local requests, n, i = {}, 0, 0

function init(args)
    if args[1] then
        for token in io.lines(args[1]) do
            wrk.headers['Authorization'] = 'Bearer ' .. token
            n = n + 1
            requests[n] = wrk.format()
        end
    else
        n = 1
        requests[1] = wrk.format()
    end
end

function request()
    i = i % n + 1
    return requests[i]
end

function done(summary, latency)
    local e = summary.errors

    io.write(string.format('result %d %d %d %d %d\n',
        summary.requests, summary.duration, e.status,
        e.connect + e.read + e.write + e.timeout,
        latency:percentile(99)))
end
