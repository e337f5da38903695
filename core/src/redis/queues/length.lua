-- Answers the waiting and the leased elements, and returns those whose lease has ended.
return_ended()
keep_counts()
return { redis.call('LLEN', queue), redis.call('ZCARD', ends) }
